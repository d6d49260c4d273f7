// Elsewhere the command builds and says at once that it cannot measure.

//go:build !linux

package main

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
