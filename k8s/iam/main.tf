# Role of the ServiceAccount guardduty-slack/guardduty-slack, for EKS Pod Identity, or for IRSA if oidc_provider_arn is set.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.34"
    }
  }
}

variable "cluster_name" {
  type = string
}

variable "oidc_provider_arn" {
  description = "IAM OIDC provider of the cluster, for IRSA; empty: EKS Pod Identity"
  type        = string
  default     = ""
}

variable "member_role_arns" {
  description = "Roles in additional accounts, as in GUARDDUTY_ROLE_ARNS"
  type        = list(string)
  default     = []
}

variable "archive_resolved_findings" {
  description = "Allow archiving and unarchiving findings, for SLACK_TRIAGE=archive"
  type        = bool
  default     = false
}

locals {
  irsa   = var.oidc_provider_arn != ""
  issuer = local.irsa ? split("oidc-provider/", var.oidc_provider_arn)[1] : ""
}

data "aws_iam_policy_document" "trust" {
  dynamic "statement" {
    for_each = local.irsa ? [1] : []
    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]
      principals {
        type        = "Federated"
        identifiers = [var.oidc_provider_arn]
      }
      condition {
        test     = "StringEquals"
        variable = "${local.issuer}:sub"
        values   = ["system:serviceaccount:guardduty-slack:guardduty-slack"]
      }
      condition {
        test     = "StringEquals"
        variable = "${local.issuer}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }
  dynamic "statement" {
    for_each = local.irsa ? [] : [1]
    content {
      actions = ["sts:AssumeRole", "sts:TagSession"]
      principals {
        type        = "Service"
        identifiers = ["pods.eks.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:RequestTag/kubernetes-namespace"
        values   = ["guardduty-slack"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:RequestTag/kubernetes-service-account"
        values   = ["guardduty-slack"]
      }
    }
  }
}

resource "aws_iam_role" "guardduty_slack" {
  name               = "guardduty-slack"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "read_findings" {
  name   = "read-findings"
  role   = aws_iam_role.guardduty_slack.id
  policy = file("${path.module}/../iam-policy.json")
}

resource "aws_iam_role_policy" "archive_findings" {
  count  = var.archive_resolved_findings ? 1 : 0
  name   = "archive-findings"
  role   = aws_iam_role.guardduty_slack.id
  policy = file("${path.module}/../iam-policy-archive.json")
}

data "aws_iam_policy_document" "assume_members" {
  count = length(var.member_role_arns) > 0 ? 1 : 0
  statement {
    actions   = ["sts:AssumeRole", "sts:TagSession"]
    resources = var.member_role_arns
  }
}

resource "aws_iam_role_policy" "assume_members" {
  count  = length(var.member_role_arns) > 0 ? 1 : 0
  name   = "assume-members"
  role   = aws_iam_role.guardduty_slack.id
  policy = data.aws_iam_policy_document.assume_members[0].json
}

resource "aws_eks_pod_identity_association" "guardduty_slack" {
  count           = local.irsa ? 0 : 1
  cluster_name    = var.cluster_name
  namespace       = "guardduty-slack"
  service_account = "guardduty-slack"
  role_arn        = aws_iam_role.guardduty_slack.arn
}

output "role_arn" {
  description = "serviceAccount.roleArn of the chart, with IRSA"
  value       = aws_iam_role.guardduty_slack.arn
}
