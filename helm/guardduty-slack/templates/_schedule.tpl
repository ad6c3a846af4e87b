{{/*
Maximum time without a successful run, in seconds: three schedule intervals unless it is set. Alerts and dashboard use it.
*/}}
{{- define "guardduty-slack.staleSeconds" -}}
{{- $given := .Values.metrics.prometheusRule.staleAfter -}}
{{- if $given -}}
{{- include "guardduty-slack.seconds" $given -}}
{{- else -}}
{{- $seconds := include "guardduty-slack.threeIntervals" (include "guardduty-slack.plainSchedule" .Values.schedule) | int64 -}}
{{- if not $seconds -}}
{{- fail (printf "cannot derive a threshold from schedule %q: set metrics.prometheusRule.staleAfter, for example 90m" .Values.schedule) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}
{{- end -}}

{{/*
Schedule without macros: five fields, or `@every <duration>`.
*/}}
{{- define "guardduty-slack.plainSchedule" -}}
{{- $macros := dict "@hourly" "0 * * * *" "@daily" "0 0 * * *" "@midnight" "0 0 * * *" "@weekly" "0 0 * * 0" "@monthly" "0 0 1 * *" "@yearly" "0 0 1 1 *" "@annually" "0 0 1 1 *" -}}
{{- get $macros . | default . -}}
{{- end -}}

{{/*
Longest time, in seconds, between a run and the third run after it. 0 if it cannot be derived: an invalid field, or a
schedule that restricts the day of the month or the month.
*/}}
{{- define "guardduty-slack.threeIntervals" -}}
{{- if hasPrefix "@every " . -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[hms]" . -1 }}{{ $seconds = add $seconds (include "guardduty-slack.seconds" .) }}{{ end -}}
{{- mul 3 $seconds -}}
{{- else -}}
{{- $fields := splitList " " . -}}
{{- $minutes := include "guardduty-slack.cronField" (dict "field" (index $fields 0) "first" 0 "last" 59) | fromJsonArray -}}
{{- $hours := include "guardduty-slack.cronField" (dict "field" (index $fields 1) "first" 0 "last" 23) | fromJsonArray -}}
{{- $names := dict "sun" "0" "mon" "1" "tue" "2" "wed" "3" "thu" "4" "fri" "5" "sat" "6" -}}
{{- $weekdays := include "guardduty-slack.cronField" (dict "field" (index $fields 4) "first" 0 "last" 6 "names" $names) | fromJsonArray -}}
{{- if or (not (has (index $fields 2) (list "*" "?"))) (not (has (index $fields 3) (list "*" "?"))) (not $minutes) (not $hours) (not $weekdays) -}}
0
{{- else -}}
{{- /* Four days cover three intervals of a daily schedule, 28 days those of a weekly one. */}}
{{- $days := eq (len $weekdays) 7 | ternary 4 28 -}}
{{- $longest := 0 -}}
{{- $previous := -1 -}}
{{- $second := -1 -}}
{{- $third := -1 -}}
{{- range $day := until $days -}}
{{- if has (float64 (mod $day 7)) $weekdays -}}
{{- range $hour := $hours -}}
{{- range $minute := $minutes -}}
{{- $run := add (mul $day 1440) (mul (int64 $hour) 60) (int64 $minute) -}}
{{- if ge (int64 $third) 0 }}{{ $longest = max $longest (sub $run $third) }}{{ end -}}
{{- $third = $second -}}
{{- $second = $previous -}}
{{- $previous = $run -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- mul $longest 60 -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Sorted values of a cron field as a JSON list; empty if the field is invalid. Arguments: field, first, last, and
optionally names (lowercase name → number, as text).
*/}}
{{- define "guardduty-slack.cronField" -}}
{{- $field := lower .field -}}
{{- range $name, $number := .names | default dict }}{{ $field = replace $name $number $field }}{{ end -}}
{{- $first := int .first -}}
{{- $last := int .last -}}
{{- $chosen := dict -}}
{{- $valid := true -}}
{{- range $part := splitList "," $field -}}
{{- if not (regexMatch `^([*?]|[0-9]+(-[0-9]+)?)(/[1-9][0-9]*)?$` $part) -}}
{{- $valid = false -}}
{{- else -}}
{{- $range := index (splitList "/" $part) 0 -}}
{{- $step := regexFind "/[0-9]+$" $part | trimPrefix "/" -}}
{{- $from := $first -}}
{{- $to := $last -}}
{{- if regexMatch "^[0-9]" $range -}}
{{- $bounds := splitList "-" $range -}}
{{- $from = index $bounds 0 | int -}}
{{- /* `5/15` means from 5 to the end of the range */}}
{{- if or (gt (len $bounds) 1) (not $step) }}{{ $to = last $bounds | int }}{{ end -}}
{{- end -}}
{{- if or (lt $from $first) (gt $to $last) (gt $from $to) -}}
{{- $valid = false -}}
{{- else -}}
{{- range untilStep $from (add1 $to | int) ($step | default "1" | int) }}{{ $_ := set $chosen (toString .) true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $values := list -}}
{{- range untilStep $first (add1 $last | int) 1 }}{{ if hasKey $chosen (toString .) }}{{ $values = append $values . }}{{ end }}{{ end -}}
{{- $valid | ternary $values list | toJson -}}
{{- end -}}
