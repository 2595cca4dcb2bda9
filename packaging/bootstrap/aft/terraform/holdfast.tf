# Account Factory for Terraform, an account customization: goes into the folder `terraform` of a customization (or of
# aft-global-customizations, for all accounts). AFT writes the account's provider and the backend
# beside it; `aws.aft-mgt`, for AFT's own account, has to be added to that folder's `aft-providers.jinja`.

data "aws_ssm_parameter" "holdfast" {
  for_each = toset(["repository_url", "hub_topic_arn", "release", "code_bucket", "code_key", "code_sha256"])
  provider = aws.aft-mgt
  name     = "/holdfast/release/${each.key}"
}

module "holdfast" {
  # A copy of packaging/bootstrap/terraform, with a release's agent.yaml beside it.
  source   = "./holdfast"
  template = "${path.module}/holdfast/agent.yaml"

  repository_url = data.aws_ssm_parameter.holdfast["repository_url"].value
  hub_topic_arn  = data.aws_ssm_parameter.holdfast["hub_topic_arn"].value
  release        = data.aws_ssm_parameter.holdfast["release"].value
  code_bucket    = data.aws_ssm_parameter.holdfast["code_bucket"].value
  code_key       = data.aws_ssm_parameter.holdfast["code_key"].value
  code_sha256    = data.aws_ssm_parameter.holdfast["code_sha256"].value
}
