// Elsewhere a server outlives a test that is killed.

//go:build !linux

package harness

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
