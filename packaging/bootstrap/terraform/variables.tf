variable "repository_url" {
  description = "The manifests repository (RepositoryUrl)"
  type        = string
}

variable "hub_topic_arn" {
  description = "The hub's topic (HubTopicArn)"
  type        = string
}

variable "release" {
  description = "The agent's version (Version)"
  type        = string
}

variable "code_bucket" {
  description = "The bucket in this region that has the agent's code (CodeBucket)"
  type        = string
}

variable "code_key" {
  description = "The code's key in it (CodeKey)"
  type        = string
}

variable "code_sha256" {
  description = "The code's SHA-256 in hex (CodeSha256)"
  type        = string
}

variable "parameters" {
  description = "Further parameters of the template, by the names that they have there"
  type        = map(string)
  default     = {}
}

variable "stack_name" {
  description = "What the stack is called; the policy that protects it knows this one"
  type        = string
  default     = "holdfast-agent"
}

variable "template" {
  description = "A release's agent.yaml, if it is not the one beside this module"
  type        = string
  default     = null
}
