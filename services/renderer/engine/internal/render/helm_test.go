package render

import (
	"strings"
	"testing"
)

const chartFixture = `== charts/shop/Chart.yaml
apiVersion: v2
name: shopchart
version: 0.1.0
== charts/shop/.helmignore
*.bak
ignored/
== charts/shop/values.yaml
replicas: 1
image: {repository: nginx, tag: "1.27"}
list: [a]
removed: {here: true}
text: chart
== charts/shop/values.schema.json
{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"replicas":{"type":"integer"}}}
== charts/shop/values-prod.yaml
replicas: 2
text: file
== charts/shop/files/note.txt
hello
== charts/shop/crds/crd.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
== charts/shop/templates/_helpers.tpl
{{- define "shop.name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end -}}
== charts/shop/templates/NOTES.txt
Thank you.
== charts/shop/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shop.name" . }}
  namespace: {{ .Release.Namespace }}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      - name: c
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        args: {{ toJson .Values.list }}
        env:
        - {name: TEXT, value: {{ .Values.text | quote }}}
        - {name: REMOVED, value: {{ .Values.removed | toJson | quote }}}
        - {name: FILE, value: {{ .Files.Get "files/note.txt" | trim | quote }}}
        - {name: IGNORED, value: {{ .Files.Get "ignored/x" | quote }}}
        - {name: LIVE, value: {{ lookup "v1" "Secret" "a" "b" | toJson | quote }}}
        - {name: DNS, value: {{ getHostByName "localhost" | quote }}}
== charts/shop/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: {{ include "shop.name" . }}
== charts/shop/templates/hook.yaml
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    helm.sh/hook: pre-install
== charts/shop/templates/test.yaml
apiVersion: v1
kind: Pod
metadata:
  name: test
  annotations: {helm.sh/hook: test}
== charts/shop/templates/old.yaml.bak
{{ fail "must be ignored" }}
== charts/shop/ignored/x
ignored
== values/root.yaml
text: root
`

const shop = "charts/shop"

func TestHelmDefaults(t *testing.T) {
	got := mustRender(t, chartFixture, shop, "{}")
	equal(t, "objects", got.names(), "CustomResourceDefinition/things.example.org Service/shop-shopchart Deployment/shop-shopchart Pod/test Job/migrate")
	equal(t, "file", got.objects[2].File, "charts/shop/templates/deployment.yaml")
	equal(t, "hook", got.at(t, "Job", "metadata.annotations"), map[string]string{"helm.sh/hook": "pre-install"})
	equal(t, "environment of the container", got.at(t, "Deployment", "spec.template.spec.containers.0.env"), []map[string]string{
		{"name": "TEXT", "value": "chart"}, {"name": "REMOVED", "value": `{"here":true}`}, {"name": "FILE", "value": "hello"},
		{"name": "IGNORED", "value": ""}, {"name": "LIVE", "value": "{}"}, {"name": "DNS", "value": ""},
	})
	equal(t, "namespace", got.at(t, "Deployment", "metadata.namespace"), "store")
	equal(t, "environment", got.EnvironmentUsed, []string{"ARGOCD_APP_NAME", "ARGOCD_APP_NAMESPACE"})
	equal(t, "capabilities", got.CapabilitiesUsed, false)
}

func TestHelmPrecedence(t *testing.T) {
	const container = "spec.template.spec.containers.0."
	cases := []struct{ name, helm, field, want string }{
		{"value file", `{"valueFiles":["values-prod.yaml"]}`, container + "env.0.value", "file"},
		{"later file wins, from the root", `{"valueFiles":["values-prod.yaml","/values/root.yaml"]}`, container + "env.0.value", "root"},
		{"values over files", `{"valueFiles":["values-prod.yaml"],"values":"text: inline"}`, container + "env.0.value", "inline"},
		{"valuesObject over values", `{"values":"text: inline","valuesObject":{"text":"object"}}`, container + "env.0.value", "object"},
		{"parameter over values", `{"valuesObject":{"text":"object"},"parameters":[{"name":"text","value":"a,b $ARGOCD_APP_NAME $$x"}]}`, container + "env.0.value", "a,b shop $x"},
		{"forced string over parameter", `{"parameters":[{"name":"image.tag","value":"1.30","forceString":true},{"name":"image.tag","value":"x"}]}`, container + "image", "nginx:1.30"},
		{"file parameter over all", `{"parameters":[{"name":"text","value":"x","forceString":true}],"fileParameters":[{"name":"text","path":"files/note.txt"}]}`, container + "env.0.value", "hello\n"},
		{"list parameter", `{"parameters":[{"name":"list","value":"{x,y}"}]}`, container + "args.1", "y"},
		{"null removes a default", `{"valuesObject":{"removed":null}}`, container + "env.1.value", "null"},
		{"missing file allowed", `{"valueFiles":["none.yaml"],"ignoreMissingValueFiles":true}`, container + "env.0.value", "chart"},
		{"release name", `{"releaseName":"other"}`, "metadata.name", "other-shopchart"},
		{"namespace", `{"namespace":"mine"}`, "metadata.namespace", "mine"},
		{"value file named by a variable", `{"valueFiles":["/values/$FOO/root.yaml"]}`, container + "env.0.value", "root"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			equal(t, c.field, mustRender(t, chartFixture, shop, `{"helm":`+c.helm+`}`).at(t, "Deployment", c.field), c.want)
		})
	}
}

func TestHelmSwitches(t *testing.T) {
	got := mustRender(t, chartFixture, shop, `{"helm":{"skipCrds":true,"skipTests":true}}`)
	equal(t, "objects", got.names(), "Service/shop-shopchart Deployment/shop-shopchart Job/migrate")
	mustRender(t, chartFixture, shop, `{"helm":{"skipSchemaValidation":true,"values":"replicas: many"}}`)
}

const small = "== app/Chart.yaml\napiVersion: v2\nname: c\nversion: 1.0.0\n"

func TestHelmCapabilities(t *testing.T) {
	fixture := small + "== app/templates/a.yaml\n" + cm + `a
data:
  version: {{ .Capabilities.KubeVersion.Version }}
  minor: {{ .Capabilities.KubeVersion.Minor | quote }}
  has: {{ .Capabilities.APIVersions.Has "example.org/v1" | quote }}
`
	got := mustRender(t, fixture, "app", "{}")
	equal(t, "data", got.at(t, "ConfigMap", "data"), map[string]string{"version": "v1.34.1", "minor": "34", "has": "true"})
	equal(t, "used", got.CapabilitiesUsed, true)
	got = mustRender(t, fixture, "app", `{"helm":{"kubeVersion":"1.30.2-eks-1","apiVersions":["x/v1"]}}`)
	equal(t, "data", got.at(t, "ConfigMap", "data"), map[string]string{"version": "v1.30.2", "minor": "30", "has": "false"})
}

func TestHelmSubcharts(t *testing.T) {
	got := mustRender(t, `== app/Chart.yaml
apiVersion: v2
name: parent
version: 1.0.0
dependencies:
- {name: child, version: 1.0.0, alias: kid}
- {name: extra, version: 1.0.0, condition: extra.enabled}
== app/values.yaml
kid: {greeting: hello}
extra: {enabled: false}
== app/charts/child/Chart.yaml
apiVersion: v2
name: child
version: 1.0.0
== app/charts/child/templates/a.yaml
`+cm+`{{ .Values.greeting }}
== app/charts/extra/Chart.yaml
apiVersion: v2
name: extra
version: 1.0.0
== app/charts/extra/templates/a.yaml
`+cm+"off", "app", "{}")
	equal(t, "objects", got.names(), "ConfigMap/hello")
}

func TestHelmFailures(t *testing.T) {
	cases := []struct {
		name, fixture, helm, code, file string
		line                            int
		says                            string
	}{
		{"template", small + "== app/templates/a.yaml\n" + cm + "a\n  x: {{ .Values.a.b.c }}\n", "{}", codeRender, "app/templates/a.yaml", 5, "nil pointer"},
		{"template inside an include", small + "== app/templates/_h.tpl\n{{ define \"x\" }}\n{{ .Values.a.b }}\n{{ end }}\n== app/templates/a.yaml\n{{ include \"x\" . }}", "{}", codeRender, "app/templates/_h.tpl", 2, "nil pointer"},
		{"template syntax", small + "== app/templates/a.yaml\na: b\n{{ if }}", "{}", codeRender, "app/templates/a.yaml", 2, "missing value for if"},
		{"rendered YAML", small + "== app/templates/a.yaml\n" + cm + "a\n\tx: 1\n", "{}", codeInvalid, "app/templates/a.yaml", 0, "line 5 of what the template made"},
		{"not an object", small + "== app/templates/a.yaml\napiVersion: v1\nmetadata: {name: x}\n", "{}", codeInvalid, "app/templates/a.yaml", 0, "kind is missing"},
		{"chart file", "== app/Chart.yaml\napiVersion: v2\nname: [\n", "{}", codeInvalid, "app/Chart.yaml", 4, "not valid YAML"},
		{"values file of the chart", small + "== app/values.yaml\na: 1\n\tb: 2\n", "{}", codeInvalid, "app/values.yaml", 2, "found a tab character"},
		{"missing values file", small, `{"valueFiles":["no.yaml"]}`, codeInvalid, "app/no.yaml", 0, "does not exist"},
		{"broken values file", small + "== app/v.yaml\na: 1\n- b\n", `{"valueFiles":["v.yaml"]}`, codeInvalid, "app/v.yaml", 2, "did not find expected key"},
		{"values file outside", small, `{"valueFiles":["../../etc/passwd"]}`, codeInvalid, "", 0, "leads out of the repository"},
		{"values file by URL", small, `{"valueFiles":["https://example.org/v.yaml"]}`, codeUnsupported, "", 0, "never fetches"},
		{"values of another source", small, `{"valueFiles":["$values/v.yaml"]}`, codeUnsupported, "", 0, "another source"},
		{"missing dependency", "== app/Chart.yaml\napiVersion: v2\nname: c\nversion: 1.0.0\ndependencies: [{name: redis, version: ~18, repository: https://x}]\n", "{}", codeUnsupported, "app/Chart.yaml", 0, "redis ~18"},
		{"library chart", "== app/Chart.yaml\napiVersion: v2\nname: c\nversion: 1.0.0\ntype: library\n", "{}", codeUnsupported, "app/Chart.yaml", 0, "library"},
		{"cluster too old", "== app/Chart.yaml\napiVersion: v2\nname: c\nversion: 1.0.0\nkubeVersion: '>=1.99'\n", "{}", codeRender, "app/Chart.yaml", 0, "1.34.1"},
		{"schema, without the value", small + "== app/values.schema.json\n{\"properties\":{\"password\":{\"type\":\"integer\"}}}\n", `{"values":"password: hunter2"}`, codeRender, "app/values.schema.json", 0, "/password breaks type"},
		{"schema that reads a file", small + "== app/values.schema.json\n{\"$ref\":\"file:///etc/hostname\"}\n", "{}", codeRender, "app/values.schema.json", 0, "rendering never fetches"},
		{"endless recursion", small + "== app/templates/a.yaml\n{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}\n", "{}", codeRender, "app/templates/a.yaml", 1, "nested reference"},
		{"bad release name", small, `{"releaseName":"A_B"}`, codeInvalid, "", 0, "A_B"},
		{"option of the wrong type", small, `{"valueFiles":"x"}`, codeInvalid, "", 0, "helm.valueFiles"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			failure := mustFail(t, c.fixture, "app", `{"helm":`+c.helm+`}`)
			equal(t, "code, file, line", []any{failure.Code, failure.File, failure.Line}, []any{c.code, c.file, c.line})
			if !strings.Contains(failure.Message, c.says) {
				t.Errorf("%q does not say %q", failure.Message, c.says)
			}
			if strings.Contains(failure.Message, "hunter2") {
				t.Errorf("%q tells a value", failure.Message)
			}
		})
	}
}
