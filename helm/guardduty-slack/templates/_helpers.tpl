{{- define "guardduty-slack.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/*
Full name of all objects: at most 52 characters, the limit for a CronJob. A longer name is truncated and made unique
with a checksum.
*/}}
{{- define "guardduty-slack.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- if gt (len $full) 52 -}}
{{- printf "%s-%s" ($full | trunc 43 | trimSuffix "-") ($full | sha256sum | trunc 8) -}}
{{- else -}}
{{- $full -}}
{{- end -}}
{{- end -}}

{{- define "guardduty-slack.selectorLabels" -}}
app.kubernetes.io/name: {{ include "guardduty-slack.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "guardduty-slack.labels" -}}
{{ include "guardduty-slack.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Metadata of an object. Arguments: root, and optionally name, namespace, labels, annotations.
*/}}
{{- define "guardduty-slack.metadata" -}}
{{- $root := .root -}}
name: {{ .name | default (include "guardduty-slack.fullname" $root) }}
namespace: {{ .namespace | default $root.Release.Namespace }}
labels:
  {{- merge (dict) (.labels | default dict) (include "guardduty-slack.labels" $root | fromYaml) | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "guardduty-slack.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "guardduty-slack.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "guardduty-slack.configMapName" -}}
{{- default (printf "%s-state" (include "guardduty-slack.fullname" .)) .Values.state.configMapName -}}
{{- end -}}

{{- define "guardduty-slack.secretName" -}}
{{- default (include "guardduty-slack.fullname" .) .Values.secret.existingSecret -}}
{{- end -}}

{{- define "guardduty-slack.image" -}}
{{- $i := .Values.image -}}
{{- $repository := list $i.registry $i.repository | compact | join "/" -}}
{{- if $i.digest -}}
{{- printf "%s@%s" $repository $i.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion $i.tag) -}}
{{- end -}}
{{- end -}}

{{/*
Seconds of a duration such as 90s, 10m, 6h or 1d.
*/}}
{{- define "guardduty-slack.seconds" -}}
{{- $units := dict "s" 1 "m" 60 "h" 3600 "d" 86400 -}}
{{- mul (regexFind "^[0-9]+" .) (get $units (regexFind "[smhd]$" .)) -}}
{{- end -}}

{{/*
Folder of the mounted Secret. It contains the name of the Secret, so that an error of the program about a missing file
names the Secret and the key.
*/}}
{{- define "guardduty-slack.secretFolder" -}}
{{- printf "/etc/guardduty-slack/secret/%s" (include "guardduty-slack.secretName" .) -}}
{{- end -}}

{{/*
Secret files as JSON: variable → key of the Secret. For a Secret created by the chart, the keys of the values that are
set; for an existing Secret, the keys in `secret.keys`.
*/}}
{{- define "guardduty-slack.secretKeys" -}}
{{- $s := .Values.secret -}}
{{- $files := dict -}}
{{- if $s.existingSecret -}}
{{- $files = dict "SLACK_BOT_TOKEN" $s.keys.botToken "SLACK_WEBHOOK_URL" $s.keys.webhookUrl "PUSHGATEWAY_PASSWORD" $s.keys.pushgatewayPassword -}}
{{- $files = merge $files $s.keys.webhooks -}}
{{- else -}}
{{- if $s.botToken }}{{ $_ := set $files "SLACK_BOT_TOKEN" "bot-token" }}{{ end -}}
{{- if $s.webhookUrl }}{{ $_ := set $files "SLACK_WEBHOOK_URL" "webhook-url" }}{{ end -}}
{{- if $s.pushgatewayPassword }}{{ $_ := set $files "PUSHGATEWAY_PASSWORD" "pushgateway-password" }}{{ end -}}
{{- range $name, $_ := $s.webhooks }}{{ $_ := set $files $name (lower $name | replace "_" "-") }}{{ end -}}
{{- end -}}
{{- $present := dict -}}
{{- range $name, $key := $files }}{{ if $key }}{{ $_ := set $present $name $key }}{{ end }}{{ end -}}
{{- if and (hasKey $present "SLACK_BOT_TOKEN") (hasKey $present "SLACK_WEBHOOK_URL") -}}
{{- if $s.existingSecret -}}
{{- fail "secret.keys.botToken cannot be combined with secret.keys.webhookUrl: set one of them to \"\"" -}}
{{- end -}}
{{- fail "secret.botToken cannot be combined with secret.webhookUrl: remove one of them" -}}
{{- end -}}
{{- toJson $present -}}
{{- end -}}

{{/*
Names of the variables that the chart sets from a Secret or that extraEnv sets, without the suffix _FILE, as JSON.
*/}}
{{- define "guardduty-slack.credentials" -}}
{{- $names := include "guardduty-slack.secretKeys" . | fromJson | keys -}}
{{- range .Values.extraEnv }}{{ $names = append $names (trimSuffix "_FILE" .name) }}{{ end -}}
{{- toJson $names -}}
{{- end -}}

{{/*
Environment variables from the values, as JSON: name → text. Empty values are omitted, so that the defaults of the
program apply. Helm reads numbers as floats: int64 prevents 1e+06.
*/}}
{{- define "guardduty-slack.variables" -}}
{{- $c := .Values.config -}}
{{- $g := $c.guardduty -}}
{{- $s := $c.slack -}}
{{- $v := dict
  "GUARDDUTY_EXTERNAL_ID" $g.externalId
  "GUARDDUTY_MIN_SEVERITY" (toString $g.minSeverity)
  "GUARDDUTY_INCLUDE_TYPES" (join "," $g.includeTypes)
  "GUARDDUTY_EXCLUDE_TYPES" (join "," $g.excludeTypes)
  "GUARDDUTY_ROLE_ARNS" (join "," $g.roleArns)
  "GUARDDUTY_REGIONS" (kindIs "string" $g.regions | ternary $g.regions (join "," (kindIs "slice" $g.regions | ternary $g.regions list)))
  "GUARDDUTY_LOOKBACK" $g.lookback
  "GUARDDUTY_OVERLAP" $g.overlap
  "GUARDDUTY_SAMPLES" $g.samples
  "GUARDDUTY_WATCH" (toString $g.watch)
  "SLACK_CHANNEL" $s.channel
  "SLACK_API_URL" $s.apiUrl
  "SLACK_ROUTES" (empty $s.routes | ternary "" (toJson $s.routes))
  "SLACK_RECURRENCE" $s.recurrence
  "SLACK_REMIND_AFTER" $s.remindAfter
  "SLACK_DIGEST_AFTER" (toString (int64 $s.digestAfter))
  "SLACK_TRIAGE" $s.triage.mode
  "SLACK_TRIAGE_USERS" (join "," $s.triage.users)
  "SLACK_SUMMARY" $s.summary
  "CONSOLE_PORTAL_URL" $c.consolePortal.url
  "CONSOLE_PORTAL_ROLE" $c.consolePortal.role
  "RUNBOOK_URL" $c.runbookUrl
  "RUN_TIMEOUT" $c.run.timeout
  "RUN_LEASE" $c.run.lease
  "LOG_FORMAT" $c.log.format
  "RUST_LOG" $c.log.filter
  "AWS_REGION" $c.aws.region
  "AWS_ENDPOINT_URL" $c.aws.endpointUrl
  "HTTPS_PROXY" $c.proxy.httpsProxy
  "NO_PROXY" $c.proxy.noProxy
  "STATE_FILE" "/var/lib/guardduty-slack/watermark.json"
  "STATE_CONFIGMAP" (include "guardduty-slack.configMapName" .)
-}}
{{- $emoji := list -}}
{{- range $meaning, $name := $s.triage.emoji }}{{ $emoji = append $emoji (printf "%s=%s" $meaning $name) }}{{ end -}}
{{- $_ := set $v "SLACK_TRIAGE_EMOJI" (join "," $emoji) -}}
{{- $names := list -}}
{{- range $id, $name := $c.accountNames }}{{ $names = append $names (printf "%s=%s" $id $name) }}{{ end -}}
{{- $_ := set $v "ACCOUNT_NAMES" ($c.organizationAccountNames | ternary "organization" (join "," $names)) -}}
{{- if $c.aws.useFipsEndpoint }}{{ $_ := set $v "AWS_USE_FIPS_ENDPOINT" "true" }}{{ end -}}
{{- if $c.aws.maxAttempts }}{{ $_ := set $v "AWS_MAX_ATTEMPTS" (toString (int64 $c.aws.maxAttempts)) }}{{ end -}}
{{- if $c.run.dryRun }}{{ $_ := set $v "DRY_RUN" "true" }}{{ end -}}
{{- if .Values.caBundle }}{{ $_ := set $v "SSL_CERT_FILE" "/etc/guardduty-slack/ca/bundle.pem" }}{{ end -}}
{{- if $c.pushgateway.url -}}
{{- $labels := list (printf "namespace=%s" .Release.Namespace) (printf "release=%s" .Release.Name) -}}
{{- range $k, $text := $c.pushgateway.labels }}{{ $labels = append $labels (printf "%s=%s" $k $text) }}{{ end -}}
{{- $_ := set $v "PUSHGATEWAY_URL" $c.pushgateway.url -}}
{{- $_ := set $v "PUSHGATEWAY_JOB" $c.pushgateway.job -}}
{{- $_ := set $v "PUSHGATEWAY_LABELS" (join "," $labels) -}}
{{- $_ := set $v "PUSHGATEWAY_USERNAME" $c.pushgateway.username -}}
{{- end -}}
{{- range $name, $key := include "guardduty-slack.secretKeys" . | fromJson -}}
{{- $_ := set $v (printf "%s_FILE" $name) (printf "%s/%s" (include "guardduty-slack.secretFolder" $) $key) -}}
{{- end -}}
{{- $given := dict -}}
{{- range $name, $text := $v }}{{ if $text }}{{ $_ := set $given $name $text }}{{ end }}{{ end -}}
{{- toJson $given -}}
{{- end -}}

{{/*
Pod spec for the CronJob and the test hook. Arguments: root, args.
*/}}
{{- define "guardduty-slack.podSpec" -}}
{{- $root := .root -}}
{{- with $root.Values -}}
serviceAccountName: {{ include "guardduty-slack.serviceAccountName" $root }}
automountServiceAccountToken: true
enableServiceLinks: false
restartPolicy: Never
terminationGracePeriodSeconds: {{ int64 .terminationGracePeriodSeconds }}
{{- with .imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .podSecurityContext | nindent 2 }}
containers:
  - name: guardduty-slack
    image: {{ include "guardduty-slack.image" $root | quote }}
    imagePullPolicy: {{ .image.pullPolicy }}
    args: {{ toJson $.args }}
    {{- /* so that `kubectl describe pod` shows why a run failed */}}
    terminationMessagePolicy: FallbackToLogsOnError
    env:
      {{- $own := list }}
      {{- range .extraEnv }}{{ $own = append $own .name }}{{ end }}
      {{- range $name, $text := include "guardduty-slack.variables" $root | fromJson }}
      {{- if not (has $name $own) }}
      - name: {{ $name }}
        {{- /* escaped, because Kubernetes expands $(…) */}}
        value: {{ $text | replace "$(" "$$(" | quote }}
      {{- end }}
      {{- end }}
      {{- with .extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with .extraEnvFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      {{- toYaml .securityContext | nindent 6 }}
    resources:
      {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      - name: state
        mountPath: /var/lib/guardduty-slack
        readOnly: true
      {{- if ne (include "guardduty-slack.secretKeys" $root) "{}" }}
      - name: secret
        mountPath: {{ include "guardduty-slack.secretFolder" $root }}
        readOnly: true
      {{- end }}
      {{- if .caBundle }}
      - name: ca
        mountPath: /etc/guardduty-slack/ca
        readOnly: true
      {{- end }}
      {{- with .extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  {{- /* read-only copy for when the API does not answer; the program writes through the API */}}
  - name: state
    configMap:
      name: {{ include "guardduty-slack.configMapName" $root }}
      optional: true
      items:
        - key: watermark.json
          path: watermark.json
  {{- if ne (include "guardduty-slack.secretKeys" $root) "{}" }}
  {{- /* optional: the program reports a missing key, whereas a Pod that waits for its volume does not start */}}
  - name: secret
    secret:
      secretName: {{ include "guardduty-slack.secretName" $root }}
      optional: true
      defaultMode: 0440
      items:
        {{- range $key := include "guardduty-slack.secretKeys" $root | fromJson | values | uniq | sortAlpha }}
        - key: {{ $key }}
          path: {{ $key }}
        {{- end }}
  {{- end }}
  {{- with .caBundle }}
  - name: ca
    configMap:
      name: {{ .configMap }}
      items:
        - key: {{ .key }}
          path: bundle.pem
  {{- end }}
  {{- with .extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
{{- end -}}
