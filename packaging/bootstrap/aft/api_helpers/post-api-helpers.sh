#!/bin/bash
# Account Factory for Terraform runs this after the customization's Terraform, with the account's credentials. The stack has waited
# for the agent's first good turn already; this says what AFT's log should end with, and fails the customization otherwise.
set -euo pipefail

name=${HOLDFAST_READY_PARAMETER:-/holdfast/ready}
for attempt in $(seq "${HOLDFAST_READY_ATTEMPTS:-30}"); do
    if ready=$(aws ssm get-parameter --name "$name" --query Parameter.Value --output text 2>/dev/null); then
        echo "the account is ready: $ready"
        exit 0
    fi
    echo "not ready yet ($attempt)"
    sleep "${HOLDFAST_READY_PAUSE:-20}"
done
echo "the account is not ready: its agent has finished no good turn; its log group says why" >&2
exit 1
