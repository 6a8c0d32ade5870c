package render

import "testing"

const cm = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "

func TestDirectory(t *testing.T) {
	cases := []struct{ name, fixture, source, want string }{
		{"files by name, other extensions left alone", "== app/b.yml\n" + cm + "b\n== app/a.yaml\n" + cm + "a\n== app/README.md\n# x\n== app/c.json\n{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"c\"}}", "{}", "ConfigMap/a ConfigMap/b Secret/c"},
		{"not recursive", "== app/a.yaml\n" + cm + "a\n== app/sub/b.yaml\n" + cm + "b", "{}", "ConfigMap/a"},
		{"recursive", "== app/a.yaml\n" + cm + "a\n== app/sub/b.yaml\n" + cm + "b", `{"directory":{"recurse":true}}`, "ConfigMap/a ConfigMap/b"},
		{"include and exclude, exclude wins", "== app/a.yaml\n" + cm + "a\n== app/sub/b.yaml\n" + cm + "b\n== app/sub/c.yaml\n" + cm + "c", `{"directory":{"recurse":true,"include":"{sub/*,x}","exclude":"*/c.yaml"}}`, "ConfigMap/b"},
		{"documents, comments, empty ones", "== app/a.yaml\n# first\n---\n" + cm + "a\n---\n# nothing\n---\n" + cm + "b\n...\n---\n" + cm + "c", "{}", "ConfigMap/a ConfigMap/b ConfigMap/c"},
		{"lists are taken apart", "== app/a.yaml\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n- apiVersion: v1\n  kind: ConfigMapList\n  items:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n---\napiVersion: v1\nkind: PodList\nitems:\n", "{}", "Secret/a ConfigMap/b"},
		{"files that are something else", "== app/a.yaml\n" + cm + "a\n== app/values.yaml\nreplicas: 3\n== app/broken.yaml\nfoo: [\n== app/list.yaml\n- 1\n", "{}", "ConfigMap/a"},
		{"skip mark", "== app/a.yaml\n# +argocd:skip-file-rendering\n" + cm + "a\n== app/b.yaml\n" + cm + "b", "{}", "ConfigMap/b"},
		{"nothing", "== app/README.md\nx", "{}", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := mustRender(t, c.fixture, "app", c.source)
			equal(t, "objects", got.names(), c.want)
			equal(t, "type", got.SourceType, "Directory")
			equal(t, "environment", got.EnvironmentUsed, []string{})
			equal(t, "capabilities", got.CapabilitiesUsed, false)
		})
	}
}

func TestValuesStayExact(t *testing.T) {
	got := mustRender(t, "== app/a.yaml\n"+cm+"a\ndata: {big: 9007199254740993, octal: 0644, yes: yes, text: \"1\", half: 0.5, when: 2024-01-01}\n", "app", "{}")
	want := `[{"manifest":{"apiVersion":"v1","data":{"big":9007199254740993,"half":0.5,"octal":420,"text":"1","true":true,"when":"2024-01-01"},"kind":"ConfigMap","metadata":{"name":"a"}},"file":"app/a.yaml"}]`
	if string(got.Manifests) != want {
		t.Errorf("got  %s\nwant %s", got.Manifests, want)
	}
}

func TestDirectoryFailures(t *testing.T) {
	cases := []struct {
		name, fixture, source, code, file string
		line                              int
	}{
		{"tab", "== app/a.yaml\n" + cm + "a\n\tx: 1", "{}", codeInvalid, "app/a.yaml", 5},
		{"second document", "== app/a.yaml\n" + cm + "a\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: b\n name: c\n", "{}", codeInvalid, "app/a.yaml", 10},
		{"broken beside a good one", "== app/a.yaml\n" + cm + "a\n---\nfoo: [\n", "{}", codeInvalid, "app/a.yaml", 6},
		{"json", "== app/a.json\n{\n \"apiVersion\": \"v1\",\n \"kind\" \"X\"\n}", "{}", codeInvalid, "app/a.json", 3},
		{"json on one line that ends too early", "== app/a.json\n{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {", "{}", codeInvalid, "app/a.json", 1},
		{"no kind", "== app/a.yaml\n---\napiVersion: v1\nmetadata: {name: x}", "{}", codeInvalid, "app/a.yaml", 1},
		{"no name", "== app/a.yaml\napiVersion: v1\nkind: Pod\n", "{}", codeInvalid, "app/a.yaml", 1},
		{"number as a name", "== app/a.yaml\napiVersion: v1\nkind: Pod\nmetadata: {name: 12}\n", "{}", codeInvalid, "app/a.yaml", 1},
		{"alias bomb", "== app/a.yaml\nkind: X\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n", "{}", codeInvalid, "app/a.yaml", 0},
		{"jsonnet", "== app/a.jsonnet\n{}", "{}", codeUnsupported, "app/a.jsonnet", 0},
		{"two tools", "== app/a.yaml\nx", `{"helm":{},"directory":{}}`, codeInvalid, "", 0},
		{"plugin", "== app/a.yaml\nx", `{"plugin":{}}`, codeUnsupported, "", 0},
		{"no path", "== other/a.yaml\nx", "{}", codeNoPath, "", 0},
		{"climbing path", "== other/a.yaml\nx", "{}", codeNoPath, "", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			failure := mustFail(t, c.fixture, "app", c.source)
			equal(t, "code, file, line", []any{failure.Code, failure.File, failure.Line}, []any{c.code, c.file, c.line})
		})
	}
}

func TestSourceOverrides(t *testing.T) {
	got := mustRender(t, "== app/.argocd-source.yaml\ndirectory: {recurse: false, exclude: 'b.yaml'}\n== app/.argocd-source-shop.yaml\ndirectory: {recurse: true}\n== app/.argocd-source-else.yaml\ndirectory: {include: none}\n== app/b.yaml\n"+cm+"b\n== app/x/a.yaml\n"+cm+"a", "app", "{}")
	equal(t, "objects", got.names(), "ConfigMap/a")
	equal(t, "environment", got.EnvironmentUsed, []string{"ARGOCD_APP_NAME"})
}

func TestSecretsAreNotQuoted(t *testing.T) {
	failure := mustFail(t, "== app/a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: !!int hunter2}\n", "app", "{}")
	if want := "app/a.yaml: not valid YAML: cannot decode !!str (value) as a !!int"; failure.Message != want {
		t.Errorf("got %q, want %q", failure.Message, want)
	}
}
