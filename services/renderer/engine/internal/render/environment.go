package render

import (
	"os"
	"sort"
)

// environment is the build environment ($ARGOCD_APP_NAME and its like). It remembers what was asked for: only that
// belongs to the address of the result.
type environment struct {
	values map[string]string
	used   map[string]bool
}

func newEnvironment(values map[string]string) *environment {
	return &environment{values: values, used: map[string]bool{}}
}

// get returns a variable; an unknown one is empty, as in a shell.
func (e *environment) get(name string) string {
	if _, known := e.values[name]; known {
		e.used[name] = true
	}
	return e.values[name]
}

// expand replaces $NAME and ${NAME}; $$ is a dollar.
func (e *environment) expand(text string) string {
	return os.Expand(text, func(name string) string {
		if name == "$" {
			return "$"
		}
		return e.get(name)
	})
}

func (e *environment) usedNames() []string {
	names := make([]string, 0, len(e.used))
	for name := range e.used {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
