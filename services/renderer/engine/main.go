// Command engine renders manifests for its host, the renderer service: one render at a time, asking for each file it
// needs over stdin and stdout (see internal/wire). It ends when stdin does, or with its parent. It opens no file, no connection, and reads
// no environment variable: the host starts it with none.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"runtime"
	"runtime/debug"

	"plumbline.dev/renderer/engine/internal/render"
	"plumbline.dev/renderer/engine/internal/tree"
	"plumbline.dev/renderer/engine/internal/wire"
)

// revision of the engine's own code: raise it when the same input renders differently.
const revision = "1"

// version is part of the address of every result.
func version() string {
	text := "engine/" + revision
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == "helm.sh/helm/v3" || module.Path == "sigs.k8s.io/kustomize/api" {
				text += " " + module.Path + "@" + module.Version
			}
		}
	}
	return text
}

func main() {
	runtime.LockOSThread() // dieWithParent holds for as long as the thread that asked for it.
	memorySoft := flag.Int64("memory-soft", 512<<20, "bytes: the garbage collector works harder near it")
	memoryHard := flag.Int64("memory-hard", 1<<30, "bytes: the process dies when it needs more")
	flag.Parse()
	// The libraries warn about deprecated fields here; it is nobody's business, and may quote a manifest.
	log.SetOutput(io.Discard)
	debug.SetMemoryLimit(*memorySoft)
	limitMemory(uint64(*memoryHard))
	dieWithParent()
	if err := serve(wire.NewConn(os.Stdin, os.Stdout)); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func serve(conn *wire.Conn) error {
	if err := render.WarmUp(); err != nil {
		return err
	}
	if err := conn.Send(map[string]string{"type": "ready", "version": version()}, nil); err != nil {
		return err
	}
	for {
		header, _, err := conn.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var request render.Request
		if err := json.Unmarshal(header, &request); err != nil {
			return err
		}
		if err := answer(conn, request); err != nil {
			return err
		}
	}
}

func answer(conn *wire.Conn, request render.Request) error {
	result, err := render.Render(request, &host{conn})
	var failure *render.Failure
	switch {
	case err == nil:
		return conn.Send(struct {
			Type string `json:"type"`
			*render.Result
		}{"rendered", result}, result.Manifests)
	case errors.As(err, &failure):
		return conn.Send(struct {
			Type string `json:"type"`
			*render.Failure
		}{"failed", failure}, nil)
	case errors.Is(err, tree.ErrAborted):
		return conn.Send(map[string]string{"type": "failed", "code": "aborted", "message": err.Error()}, nil)
	default:
		return err
	}
}

// host is the repository at the other end of the pipe.
type host struct{ conn *wire.Conn }

type question struct {
	Type  string   `json:"type"`
	Paths []string `json:"paths"`
}

func (h *host) Read(paths []string) ([]tree.Node, error) {
	var reply struct {
		Type  string `json:"type"`
		Nodes []struct {
			Kind tree.Kind `json:"kind"`
			Size int       `json:"size"`
		} `json:"nodes"`
	}
	body, err := h.ask(question{"read", paths}, &reply)
	if err != nil {
		return nil, err
	}
	if reply.Type == "abort" {
		return nil, tree.ErrAborted
	}
	if len(reply.Nodes) != len(paths) {
		return nil, errors.New("the host answered another question")
	}
	nodes := make([]tree.Node, len(paths))
	for i, node := range reply.Nodes {
		nodes[i] = tree.Node{Kind: node.Kind, Bytes: body[:node.Size:node.Size]}
		body = body[node.Size:]
	}
	return nodes, nil
}

func (h *host) List(paths []string) ([]tree.Listing, error) {
	var reply struct {
		Type     string         `json:"type"`
		Listings []tree.Listing `json:"listings"`
	}
	if _, err := h.ask(question{"list", paths}, &reply); err != nil {
		return nil, err
	}
	if reply.Type == "abort" {
		return nil, tree.ErrAborted
	}
	if len(reply.Listings) != len(paths) {
		return nil, errors.New("the host answered another question")
	}
	return reply.Listings, nil
}

func (h *host) ask(q question, reply any) ([]byte, error) {
	if err := h.conn.Send(q, nil); err != nil {
		return nil, err
	}
	header, body, err := h.conn.Receive()
	if err != nil {
		return nil, err
	}
	return body, json.Unmarshal(header, reply)
}
