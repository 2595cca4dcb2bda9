//! How a connection to PostgreSQL is encrypted, and whose server it must be: what libpq's `sslmode` says, in rustls' words.
//!
//! Not here: client certificates.

use super::address::AddressError;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{io, path::Path, sync::Arc};

/// libpq's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Not at all.
    Disable,
    /// If the server can, whoever it is.
    Prefer,
    /// In any case, whoever it is.
    Require,
    /// In any case, and somebody who is trusted vouches for the server.
    VerifyCa,
    /// In any case, and somebody who is trusted says that it is this server.
    VerifyFull,
}

/// What rustls is told.
pub(super) fn config(mode: Mode, roots: Option<&Path>) -> Result<ClientConfig, AddressError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(AddressError::Tls)?;
    let verifier: Arc<dyn ServerCertVerifier> = match mode {
        Mode::Disable | Mode::Prefer | Mode::Require => Arc::new(Anybody(provider)),
        Mode::VerifyCa | Mode::VerifyFull => {
            let trusted = Arc::new(trusted(roots)?);
            let inner = WebPkiServerVerifier::builder_with_provider(trusted, provider).build();
            let inner = inner.map_err(|error| AddressError::Tls(rustls::Error::General(error.to_string())))?;
            if mode == Mode::VerifyFull { inner } else { Arc::new(AnyName(inner)) }
        }
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Who may vouch for a server: those in this file, or those whom the machine trusts.
fn trusted(roots: Option<&Path>) -> Result<RootCertStore, AddressError> {
    let system = Path::new("system");
    let path = roots.unwrap_or(system);
    let unread = |source: io::Error| AddressError::Roots { path: path.to_owned(), source };
    let mut store = RootCertStore::empty();
    let all: Vec<CertificateDer<'_>> = if path == system {
        rustls_native_certs::load_native_certs().certs
    } else {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        read.map_err(|error| unread(io::Error::other(error)))?
    };
    // Of the machine's own some may be of a kind that nobody uses.
    let (added, _) = store.add_parsable_certificates(all);
    if added == 0 { Err(unread(io::Error::other("there is no certificate in it"))) } else { Ok(store) }
}

/// Whoever it is. That it holds the key of what it shows is looked at all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whoever is vouched for, by whatever name: the name is looked at last, so it is all that is wrong where it is wrong.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, between, name, ocsp, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
