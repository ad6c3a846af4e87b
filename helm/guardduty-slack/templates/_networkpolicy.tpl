{{- define "guardduty-slack.cidrs" -}}
{{- range . }}
- ipBlock: { cidr: {{ . | quote }} }
{{- end }}
{{- end -}}

{{/*
CIDRs of the Kubernetes API as a JSON list; empty: any destination. With `https.cidrs`, egress to any destination on
port 443 would make that list useless: the API is then reached at private addresses only.
*/}}
{{- define "guardduty-slack.apiServerCidrs" -}}
{{- $p := .Values.networkPolicy -}}
{{- $cidrs := $p.apiServer.cidrs -}}
{{- if and $p.https.cidrs (not $cidrs) -}}
{{- $cidrs = list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" "100.64.0.0/10" "fc00::/7" -}}
{{- end -}}
{{- toJson $cidrs -}}
{{- end -}}

{{/*
Egress rule for one port. Arguments: policy, port, to (peers; empty: any destination). Port 443 without peers needs no
rule of its own: the rule for AWS and Slack covers it, and a rule without peers would make `https.cidrs` useless.
*/}}
{{- define "guardduty-slack.peerRule" -}}
{{- if or .to (ne (toString .port) "443") -}}
- ports:
    - { port: {{ .port }}, protocol: TCP }
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/*
Port of a URL: the one that it names, or the default of its scheme.
*/}}
{{- define "guardduty-slack.port" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (eq $url.scheme "https" | ternary "443" "80") -}}
{{- end -}}
