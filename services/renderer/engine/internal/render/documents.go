package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// document is one YAML document of a file.
type document struct {
	// line of the file at which text starts, from 1.
	line int
	text []byte
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// splitDocuments cuts a YAML stream at its document markers. A marker in column 0 ends a document whatever it is in the
// middle of (YAML 1.2, 9.1.4), so lines are enough. Comments and directives stay with the document they stand before.
func splitDocuments(data []byte) []document {
	data = bytes.TrimPrefix(data, byteOrderMark)
	var documents []document
	start, startLine := 0, 1
	hasContent := false
	cut := func(end, nextLine int) {
		if hasContent {
			documents = append(documents, document{line: startLine, text: data[start:end]})
		}
		start, startLine, hasContent = end, nextLine, false
	}
	line := 1
	for at := 0; at < len(data); line++ {
		end := at + bytes.IndexByte(data[at:], '\n') + 1
		if end == at {
			end = len(data)
		}
		text := data[at:end]
		switch {
		case isMarker(text, "---"):
			cut(at, line)
			hasContent = len(bytes.TrimSpace(withoutComment(text[3:]))) > 0
		case isMarker(text, "..."):
			cut(at, line)
			start, startLine = end, line+1
		case text[0] == '%' && !hasContent:
		case len(bytes.TrimSpace(withoutComment(text))) > 0:
			hasContent = true
		}
		at = end
	}
	cut(len(data), line)
	return documents
}

func isMarker(line []byte, marker string) bool {
	if !bytes.HasPrefix(line, []byte(marker)) {
		return false
	}
	return len(line) == 3 || strings.IndexByte(" \t\r\n", line[3]) >= 0
}

func withoutComment(line []byte) []byte {
	if trimmed := bytes.TrimLeft(line, " \t"); len(trimmed) > 0 && trimmed[0] == '#' {
		return nil
	}
	return line
}

// parseYAML reads one document as Kubernetes does (YAML 1.1 booleans, last of two equal keys) with numbers kept as
// they are written. A nil value is an empty document.
func parseYAML(file string, doc document) (any, *Failure) {
	text, err := yaml.YAMLToJSON(doc.text)
	if err != nil {
		message, line := yamlProblem(err)
		if line > 0 || doc.line > 1 {
			// What is missing at the end is missing after the last line that says something.
			last := bytes.Count(bytes.TrimSpace(doc.text), []byte("\n")) + 1
			line = min(max(line, 1), last) + doc.line - 1
		}
		return nil, failedAt(codeInvalid, file, line, "%s", message)
	}
	value, err := parseJSON(text)
	if err != nil {
		return nil, failedAt(codeInvalid, file, doc.line, "the document has no JSON form: %v", err)
	}
	return value, nil
}

func parseJSON(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return value, nil
}

var yamlLine = regexp.MustCompile(`yaml: (?:unmarshal errors:\s*)?line (\d+): `)

// The parser, unlike the scanner, counts its lines from 0.
var parserProblem = regexp.MustCompile(`^(did not find expected (key|node content|'-' indicator|',' or|<)|block sequence entries are not allowed)`)

// yamlProblem takes the line out of a YAML error; 0 when it names none.
func yamlProblem(err error) (message string, line int) {
	text := err.Error()
	if found := yamlLine.FindStringSubmatchIndex(text); found != nil {
		line, _ = strconv.Atoi(text[found[2]:found[3]])
		text = text[found[1]:]
		if parserProblem.MatchString(text) {
			line++
		}
	} else if at := strings.LastIndex(text, "yaml: "); at >= 0 {
		text = text[at+len("yaml: "):]
	}
	if strings.Contains(text, "invalid map key") {
		return "not valid YAML: a map or list stands where a key is expected (a template expression without quotes?)", line
	}
	return "not valid YAML: " + withoutValues(strings.TrimSpace(text)), line
}

// jsonLine finds the line of a JSON error.
func jsonLine(data []byte, err error) int {
	offset := len(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = min(offset, int(syntax.Offset))
	}
	return bytes.Count(bytes.TrimRight(data[:offset], "\n"), []byte("\n")) + 1
}
