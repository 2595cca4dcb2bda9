# The agent of the account that the provider is in. What the template is told, and nothing else of it, is said here, so that a
# release's template is used as it is.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_cloudformation_stack" "agent" {
  name          = var.stack_name
  template_body = file(coalesce(var.template, "${path.module}/../../cloudformation/agent.yaml"))
  capabilities  = ["CAPABILITY_NAMED_IAM"]

  parameters = merge(
    {
      RepositoryUrl = var.repository_url
      HubTopicArn   = var.hub_topic_arn
      Version       = var.release
      CodeBucket    = var.code_bucket
      CodeKey       = var.code_key
      CodeSha256    = var.code_sha256
    },
    var.parameters,
  )

  # The stack waits for the agent's first good turn.
  timeouts {
    create = "90m"
    update = "90m"
  }
}
