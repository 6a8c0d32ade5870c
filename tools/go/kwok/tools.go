//go:build tools

// Package tools pins KWOK, which plays the nodes and the kubelets of the local control plane.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
