{{/*
Warnings of NOTES.txt, as a JSON list.
*/}}
{{- define "guardduty-slack.warnings" -}}
{{- $all := list -}}
{{- range list "slackWarnings" "secretWarnings" "installWarnings" "networkWarnings" -}}
{{- $all = concat $all (include (printf "guardduty-slack.%s" .) $ | fromJsonArray) -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{- define "guardduty-slack.slackWarnings" -}}
{{- $warnings := list -}}
{{- $credentials := include "guardduty-slack.credentials" . | fromJsonArray -}}
{{- $channel := .Values.config.slack.channel -}}
{{- range .Values.extraEnv }}{{ if eq .name "SLACK_CHANNEL" }}{{ $channel = .name }}{{ end }}{{ end -}}
{{- if has "SLACK_WEBHOOK_URL" $credentials -}}
{{- $warnings = append $warnings "A webhook cannot edit messages or read them back: a recurrence is posted again only when its severity level increased, and messages can be duplicated after a crash. Prefer a bot token." -}}
{{- else if not (or (has "SLACK_BOT_TOKEN" $credentials) .Values.extraEnvFrom) -}}
{{- $warnings = append $warnings "No Slack credentials: set secret.existingSecret (key bot-token). Without them, every run exits with 2." -}}
{{- end -}}
{{- if and (has "SLACK_BOT_TOKEN" $credentials) (not (or $channel .Values.extraEnvFrom)) -}}
{{- $warnings = append $warnings "No default channel: set config.slack.channel. Without it, every run exits with 2." -}}
{{- end -}}
{{- toJson $warnings -}}
{{- end -}}

{{/*
Missing Secret and missing keys. `lookup` finds nothing without a cluster (helm template, Argo CD).
*/}}
{{- define "guardduty-slack.secretWarnings" -}}
{{- $warnings := list -}}
{{- $namespace := .Release.Namespace -}}
{{- $keys := include "guardduty-slack.secretKeys" . | fromJson -}}
{{- $name := .Values.secret.existingSecret -}}
{{- if and $keys (not $name) -}}
{{- $warnings = append $warnings "The Slack secret is stored in the values of the release. Prefer an existing Secret (secret.existingSecret)." -}}
{{- else if $name -}}
{{- $secret := lookup "v1" "Secret" $namespace $name -}}
{{- if not $secret -}}
{{- $warnings = append $warnings (printf "Secret %s was not found in namespace %s (or could not be looked up). Create it before the first run." $name $namespace) -}}
{{- else -}}
{{- range $variable, $key := $keys -}}
{{- if not (hasKey ($secret.data | default dict) $key) -}}
{{- $warnings = append $warnings (printf "Secret %s in namespace %s has no key %s, which %s_FILE requires. Add the key, or correct secret.keys." $name $namespace $key $variable) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $warnings -}}
{{- end -}}

{{- define "guardduty-slack.installWarnings" -}}
{{- $warnings := list -}}
{{- if not (or .Values.serviceAccount.roleArn (hasKey .Values.serviceAccount.annotations "eks.amazonaws.com/role-arn")) -}}
{{- $warnings = append $warnings (printf "No IAM role for IRSA (serviceAccount.roleArn): create an EKS Pod Identity association for %s/%s." .Release.Namespace (include "guardduty-slack.serviceAccountName" .)) -}}
{{- end -}}
{{- if not .Values.config.pushgateway.url -}}
{{- $warnings = append $warnings "No Pushgateway (config.pushgateway.url): no metrics are pushed. Only the alerts based on kube-state-metrics detect missing runs." -}}
{{- end -}}
{{- if not .Values.metrics.prometheusRule.enabled -}}
{{- $warnings = append $warnings "No alerts (metrics.prometheusRule.enabled): nobody is alerted when findings stop arriving." -}}
{{- end -}}
{{- if not .Values.state.create -}}
{{- $warnings = append $warnings (printf "Create the state ConfigMap %s (kubectl create configmap): the program does not create it." (include "guardduty-slack.configMapName" .)) -}}
{{- end -}}
{{- if .Values.suspend -}}
{{- $warnings = append $warnings "The CronJob is suspended (suspend: true): no runs start." -}}
{{- end -}}
{{- if .Values.config.run.dryRun -}}
{{- $warnings = append $warnings "Dry run (config.run.dryRun): messages are printed, not posted." -}}
{{- end -}}
{{- toJson $warnings -}}
{{- end -}}

{{/*
Rules of the NetworkPolicy that allow more destinations than necessary.
*/}}
{{- define "guardduty-slack.networkWarnings" -}}
{{- $warnings := list -}}
{{- $p := .Values.networkPolicy -}}
{{- if $p.enabled -}}
{{- $ports := list -}}
{{- range $p.apiServer.ports }}{{ $ports = append $ports (toString .) }}{{ end -}}
{{- $scope := empty $p.https.cidrs | ternary "any destination" "any private address" -}}
{{- if not $p.apiServer.cidrs -}}
{{- $warnings = append $warnings (printf "No addresses of the Kubernetes API (networkPolicy.apiServer.cidrs): the NetworkPolicy allows %s on port %s for it. %s" $scope (join ", " $ports) (include "guardduty-slack.apiServerAddresses" .)) -}}
{{- end -}}
{{- if $p.https.cidrs -}}
{{- range $name, $url := dict "pushgateway" .Values.config.pushgateway.url "proxy" .Values.config.proxy.httpsProxy -}}
{{- if and $url (not (get $p $name).to) (ne (include "guardduty-slack.port" $url) "443") -}}
{{- $warnings = append $warnings (printf "No destination of the %s (networkPolicy.%s.to): the NetworkPolicy allows any destination on its port." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $warnings -}}
{{- end -}}

{{/*
Addresses of the Kubernetes API as the cluster reports them, or the command that prints them.
*/}}
{{- define "guardduty-slack.apiServerAddresses" -}}
{{- $addresses := list -}}
{{- $slice := lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" -}}
{{- range ($slice | default dict).endpoints }}{{ $addresses = concat $addresses .addresses }}{{ end -}}
{{- if $addresses -}}
The cluster reports {{ join ", " $addresses }}.
{{- else -}}
To list them: kubectl --namespace default get endpointslices --selector kubernetes.io/service-name=kubernetes
{{- end -}}
{{- end -}}
