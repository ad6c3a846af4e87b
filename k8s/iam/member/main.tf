# Role in an additional account. Apply it there, and add its ARN to GUARDDUTY_ROLE_ARNS.
variable "reader_role_arn" {
  description = "ARN of the role of guardduty-slack in the security account"
  type        = string
}

variable "external_id" {
  description = "External ID, as in GUARDDUTY_EXTERNAL_ID"
  type        = string
  default     = "guardduty-slack"
}

variable "archive_resolved_findings" {
  description = "Allow archiving and unarchiving findings, for SLACK_TRIAGE=archive"
  type        = bool
  default     = false
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = [var.reader_role_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
}

resource "aws_iam_role" "reader" {
  name               = "guardduty-slack-reader"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "read_findings" {
  name   = "read-findings"
  role   = aws_iam_role.reader.id
  policy = file("${path.module}/../../iam-policy.json")
}

resource "aws_iam_role_policy" "archive_findings" {
  count  = var.archive_resolved_findings ? 1 : 0
  name   = "archive-findings"
  role   = aws_iam_role.reader.id
  policy = file("${path.module}/../../iam-policy-archive.json")
}

output "role_arn" {
  value = aws_iam_role.reader.arn
}
