//go:build !linux

package main

// limitMemory: elsewhere than on Linux only the soft limit holds.
func limitMemory(uint64) {}

// dieWithParent: elsewhere than on Linux the engine ends when it next looks at stdin.
func dieWithParent() {}
