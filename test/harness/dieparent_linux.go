// On Linux a server dies with the test that started it, even when the test is killed.

package harness

import "syscall"

func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
