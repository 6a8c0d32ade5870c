package render

import "testing"

func TestWarmUp(t *testing.T) {
	if err := WarmUp(); err != nil {
		t.Fatal(err)
	}
}
