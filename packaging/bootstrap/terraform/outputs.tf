output "agent_role_arn" {
  description = "Who the agent is; the hub's topic lets this name in"
  value       = aws_cloudformation_stack.agent.outputs["AgentRoleArn"]
}

output "ready_parameter" {
  description = "The SSM parameter that says since when the account is ready"
  value       = aws_cloudformation_stack.agent.outputs["ReadyParameter"]
}
