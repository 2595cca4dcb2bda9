//! What stands beside the agent's own calls: what the Lambda service needs of its role, and the boundary of everything that
//! CloudFormation makes for manifests.
//!
//! The service role's own policy is none of these: it is what an account's people let templates hold, within the boundary.

use super::statement::Statement;

const WAKE: &str = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Prefix}-wake*";
const BOUNDARY: &str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${Prefix}/${Prefix}-boundary";

/// What the Lambda service does in the name of the agent's role.
pub(super) fn lambda() -> Vec<Statement> {
    vec![
        Statement::allow(
            ("WriteLog", "The Lambda service writes the log in the role's name"),
            vec!["logs:CreateLogStream", "logs:PutLogEvents"],
            &["arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/${Prefix}/agent-*"],
            &[],
        ),
        Statement::allow(
            ("CountWakeUps", "The event source reads the queue as the agent would, and asks how much there is besides"),
            vec!["sqs:GetQueueAttributes"],
            &[WAKE],
            &[],
        ),
    ]
}

/// The boundary of the service role: everything but the agent and what belongs to it.
pub(super) fn boundary() -> Vec<Statement> {
    let mut statements =
        vec![Statement::allow(("Inside", "A boundary allows nothing by itself"), vec!["*"], &["*"], &[])];
    statements.push(
        Statement::allow(
            ("KeepTheRoles", "The installation's own roles and policies: neither changed nor assumed; what may be passed on stands below"),
            vec!["iam:Get*", "iam:List*", "iam:PassRole"],
            &[
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Prefix}/*",
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${Prefix}/*",
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:instance-profile/${Prefix}/*",
            ],
            &[],
        )
        .but()
        .denied(),
    );
    statements.push(keep_the_agent());
    statements.push(
        Statement::allow(
            ("KeepTheRolesToThemselves", "Its other roles (the agent's, and who starts it) are passed to nobody"),
            vec!["iam:PassRole"],
            &[
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Prefix}/${Prefix}-agent",
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Prefix}/${Prefix}-schedule",
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Prefix}/${Prefix}-start",
            ],
            &[],
        )
        .denied(),
    );
    statements.push(
        Statement::allow(
            (
                "PassItselfOn",
                "For a nested stack CloudFormation passes the service role on to itself, and to nobody else",
            ),
            vec!["iam:PassRole"],
            &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Prefix}/${Prefix}-service"],
            &[("StringNotEquals", "iam:PassedToService", &["cloudformation.amazonaws.com"])],
        )
        .denied(),
    );
    statements.push(
        Statement::allow(
            ("KeepTheQueueConnected", "What wakes the agent has no name of its own: it is told by its function"),
            vec!["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"],
            &["*"],
            &[(
                "ArnLike",
                "lambda:FunctionArn",
                &["arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:function:${Prefix}-agent*"],
            )],
        )
        .denied(),
    );
    statements.push(
        Statement::allow(
            (
                "KeepTheMachine",
                "Where the agent is on an instance: who reaches that, or makes another of it, is the agent",
            ),
            vec!["ec2:*", "ssm:SendCommand", "ssm:StartSession"],
            &["*"],
            &[("StringEquals", "aws:ResourceTag/holdfast:installation", &["${Prefix}"])],
        )
        .denied(),
    );
    statements.push(
        Statement::allow(
            ("KeepTheBoundaries", "A boundary that is there stays there"),
            vec!["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"],
            &["*"],
            &[],
        )
        .denied(),
    );
    statements
}

/// What the agent is made of, in each of its forms.
fn keep_the_agent() -> Statement {
    Statement::allow(
        (
            "KeepTheAgent",
            "What the agent is made of can be looked at and not touched; its parameters not even looked at",
        ),
        vec![
            "autoscaling:Describe*",
            "cloudformation:Describe*",
            "cloudformation:Get*",
            "cloudformation:List*",
            "cloudwatch:Describe*",
            "cloudwatch:List*",
            "ecs:Describe*",
            "ecs:List*",
            "events:Describe*",
            "events:List*",
            "lambda:Get*",
            "lambda:List*",
            "logs:Describe*",
            "logs:List*",
            "s3:Get*",
            "s3:List*",
            "scheduler:Get*",
            "scheduler:List*",
            "sqs:Get*",
            "sqs:List*",
        ],
        &[
            "arn:${AWS::Partition}:autoscaling:*:${AWS::AccountId}:autoScalingGroup:*:autoScalingGroupName/${Prefix}-agent",
            "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/${AWS::StackName}/*",
            "arn:${AWS::Partition}:cloudwatch:*:${AWS::AccountId}:alarm:${Prefix}-agent-*",
            "arn:${AWS::Partition}:ecs:*:${AWS::AccountId}:*/${Prefix}-agent",
            "arn:${AWS::Partition}:ecs:*:${AWS::AccountId}:*/${Prefix}-agent/*",
            "arn:${AWS::Partition}:ecs:*:${AWS::AccountId}:*/${Prefix}-agent:*",
            "arn:${AWS::Partition}:events:*:${AWS::AccountId}:rule/${Prefix}-agent-*",
            "arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:function:${Prefix}-agent*",
            "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:/${Prefix}/agent-*",
            "arn:${AWS::Partition}:s3:::${Prefix}-artifacts-${AWS::AccountId}-*",
            "arn:${AWS::Partition}:scheduler:*:${AWS::AccountId}:schedule/${Prefix}/*",
            "arn:${AWS::Partition}:scheduler:*:${AWS::AccountId}:schedule-group/${Prefix}",
            "arn:${AWS::Partition}:sqs:*:${AWS::AccountId}:${Prefix}-wake*",
            "arn:${AWS::Partition}:sqs:*:${AWS::AccountId}:${Prefix}-dead*",
            "arn:${AWS::Partition}:ssm:*:${AWS::AccountId}:parameter/${Prefix}/*",
        ],
        &[],
    )
    .but()
    .denied()
}

/// And what keeps a commit from making a role that may more than the service role: it has to carry the same boundary.
pub(super) fn roles() -> Vec<Statement> {
    let statement = Statement::allow(
        ("RolesCarryTheBoundary", "Whoever is made for a manifest, and whoever gets a policy, carries this boundary"),
        vec![
            "iam:AttachRolePolicy",
            "iam:AttachUserPolicy",
            "iam:CreateRole",
            "iam:CreateUser",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:PutUserPermissionsBoundary",
            "iam:PutUserPolicy",
            "iam:UpdateAssumeRolePolicy",
        ],
        &["*"],
        &[("StringNotEquals", "iam:PermissionsBoundary", &[BOUNDARY])],
    );
    vec![statement.denied()]
}
