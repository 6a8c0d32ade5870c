//go:build tools

// Package tools pins the NATS server for machines that have none.
package tools

import _ "github.com/nats-io/nats-server/v2"
