// Package wire is the conversation between the engine and its host, over stdin and stdout. The host's side is
// src/engine/frames.ts; the two must be changed together.
//
// A frame is two big-endian uint32 (length of the header, length of the body), the header as JSON, the body as bytes:
//
//	engine → host   {"type":"ready","version"}                    once, at start
//	host → engine   {"type":"render", …}                          a render.Request
//	engine → host   {"type":"read","paths":[…]}                   any number of times during a render
//	host → engine   {"type":"nodes","nodes":[{"kind","size"}]}    body: the bytes of the files, one after the other
//	engine → host   {"type":"list","paths":[…]}
//	host → engine   {"type":"listings","listings":[{"kind","entries":[{"name","kind"}]}]}
//	host → engine   {"type":"abort"}                              instead of an answer: the host knows why, the render ends
//	engine → host   {"type":"rendered", …}                        body: JSON array of {manifest, file}
//	engine → host   {"type":"failed","code","message","file","line"}
//
// A kind is file, directory or absent. Paths are relative to the repository's root, with slashes; "." is the root.
package wire

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

const (
	headerBytesMax = 8 << 20
	bodyBytesMax   = 96 << 20
)

// Conn is one end of the conversation. It is not safe for concurrent use: a process renders one thing at a time.
type Conn struct {
	in  *bufio.Reader
	out *bufio.Writer
}

// NewConn reads frames from in and writes them to out.
func NewConn(in io.Reader, out io.Writer) *Conn {
	return &Conn{in: bufio.NewReaderSize(in, 64<<10), out: bufio.NewWriterSize(out, 64<<10)}
}

// Receive returns the next frame's header and body; io.EOF when the host has closed the pipe between two frames.
func (c *Conn) Receive() (header json.RawMessage, body []byte, err error) {
	var lengths [8]byte
	if _, err := io.ReadFull(c.in, lengths[:]); err != nil {
		return nil, nil, err
	}
	headerLength := binary.BigEndian.Uint32(lengths[:4])
	bodyLength := binary.BigEndian.Uint32(lengths[4:])
	if headerLength > headerBytesMax || bodyLength > bodyBytesMax {
		return nil, nil, fmt.Errorf("a frame of %d + %d bytes is too long", headerLength, bodyLength)
	}
	frame := make([]byte, int(headerLength)+int(bodyLength))
	if _, err := io.ReadFull(c.in, frame); err != nil {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return frame[:headerLength], frame[headerLength:], nil
}

// Send writes one frame.
func (c *Conn) Send(header any, body []byte) error {
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	var lengths [8]byte
	binary.BigEndian.PutUint32(lengths[:4], uint32(len(text)))
	binary.BigEndian.PutUint32(lengths[4:], uint32(len(body)))
	for _, part := range [][]byte{lengths[:], text, body} {
		if _, err := c.out.Write(part); err != nil {
			return err
		}
	}
	return c.out.Flush()
}
