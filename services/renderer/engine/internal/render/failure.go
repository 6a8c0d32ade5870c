package render

import (
	"errors"
	"fmt"
	"regexp"
)

// Failure is an answer to the user: what is wrong, with file and line where there is one. Codes are those of
// libs/contracts (ErrorCode).
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}

func (f *Failure) Error() string { return f.Message }

const (
	codeInvalid     = "manifest-invalid"
	codeRender      = "render-failed"
	codeNoPath      = "path-not-found"
	codeUnsupported = "unsupported"
	codeTooLarge    = "too-large"
)

func failed(code, format string, args ...any) *Failure {
	return &Failure{Code: code, Message: fmt.Sprintf(format, args...)}
}

// failedAt puts the place in front of the message, as compilers do. A line of 0 is unknown.
func failedAt(code, file string, line int, format string, args ...any) *Failure {
	message := fmt.Sprintf(format, args...)
	if line > 0 {
		return &Failure{Code: code, Message: fmt.Sprintf("%s:%d: %s", file, line, message), File: file, Line: line}
	}
	return &Failure{Code: code, Message: fmt.Sprintf("%s: %s", file, message), File: file}
}

func asFailure(err error) (*Failure, bool) {
	var failure *Failure
	ok := errors.As(err, &failure)
	return failure, ok
}

// A YAML library quotes the value that it could not convert: that may be a Secret's.
var quotedValue = regexp.MustCompile("`[^`]*`")

func withoutValues(message string) string { return quotedValue.ReplaceAllString(message, "(value)") }
