//! What only a store that several hubs share has to stand.
