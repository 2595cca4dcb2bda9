# The agent of every account below some organizational units, also of those that come later. To be applied in the organization's
# management account (which it never reaches itself), or in a delegated administrator's.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "parameters" {
  description = "The template's parameters, by the names that they have there"
  type        = map(string)
}

variable "organizational_units" {
  description = "Below which accounts get their agent"
  type        = list(string)
}

variable "region" {
  description = "The region in which the agent is at home"
  type        = string
}

variable "call_as" {
  description = "SELF in the management account, DELEGATED_ADMIN in a delegated administrator's"
  type        = string
  default     = "SELF"
}

resource "aws_cloudformation_stack_set" "agent" {
  name             = "holdfast-agent"
  permission_model = "SERVICE_MANAGED"
  call_as          = var.call_as
  template_body    = file("${path.module}/../../../cloudformation/agent.yaml")
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  parameters       = var.parameters

  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  managed_execution {
    active = true
  }

  # Set by AWS, and told as a change for ever otherwise.
  lifecycle {
    ignore_changes = [administration_role_arn]
  }
}

resource "aws_cloudformation_stack_set_instance" "agent" {
  stack_set_name            = aws_cloudformation_stack_set.agent.name
  stack_set_instance_region = var.region
  call_as                   = var.call_as

  deployment_targets {
    organizational_unit_ids = var.organizational_units
  }

  operation_preferences {
    failure_tolerance_percentage = 10
    max_concurrent_percentage    = 25
  }

  # An account may take an hour to get ready, and a quarter of them go at a time.
  timeouts {
    create = "12h"
    update = "12h"
  }
}
