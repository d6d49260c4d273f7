// Small disks: folders that servers can fill.
//
// There are two kinds. A file system of 1 MiB in memory, mounted in a mount namespace of its own, which
// a process holds open and servers are started in; it takes a kernel that lets users have namespaces, or
// root. And a plain folder with a limit on the size of files (RLIMIT_FSIZE) that is set on the running
// server, which is to be had everywhere: what is beyond it fails with another error, and in the same
// places. Every test runs on all kinds that are to be had.

package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"tarn/test/harness"
)

// smallDisk is a folder that can be full.
type smallDisk struct {
	t      *testing.T
	dir    string   // as the server sees it
	seen   string   // as the test does
	enter  []string // what comes before a command that is to be run there
	limit  bool     // by RLIMIT_FSIZE
	full   string   // the system's error
	filler string
}

// onDisks runs a test on both servers and all kinds of disks.
func onDisks(t *testing.T, test func(t *testing.T, d *smallDisk, program harness.Program)) {
	onBoth(t, func(t *testing.T, program harness.Program) {
		t.Run("mounted", func(t *testing.T) {
			if d, err := mountedDisk(t); err == nil {
				test(t, d, d.in(program))
			} else {
				t.Logf("not to be had here: %v", err)
			}
		})
		t.Run("limited", func(t *testing.T) {
			// Ignored signals stay so in the programs that are started; redis-server would end by this one.
			signal.Ignore(syscall.SIGXFSZ)
			dir := t.TempDir()
			test(t, &smallDisk{t: t, dir: dir, seen: dir, limit: true, full: "File too large"}, program)
		})
	})
}

// mountedDisk mounts a file system of 1 MiB, for this test and the servers that it starts.
func mountedDisk(t *testing.T) (*smallDisk, error) {
	t.Helper()
	dir := t.TempDir()
	holder := exec.Command("unshare", "-Urm", "sh", "-c", `mount -t tmpfs -o size=1m,mode=0755 tmpfs "$0" && echo mounted && exec cat`, dir)
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	holder.Stderr = os.Stderr
	in, err := holder.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := holder.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	end := func() error { return errors.Join(in.Close(), holder.Wait()) }
	if err != nil || line != "mounted\n" {
		return nil, fmt.Errorf("unshare and mount: %q, %w", line, errors.Join(err, end()))
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Errorf("the holder of the mount: %v", err)
		}
	})
	pid := strconv.Itoa(holder.Process.Pid)
	d := &smallDisk{
		t: t, dir: dir, seen: "/proc/" + pid + "/root" + dir, full: "No space left on device",
		enter: []string{"nsenter", "--preserve-credentials", "-U", "-m", "-t", pid},
	}
	d.filler = filepath.Join(d.seen, "filler")
	return d, nil
}

// in returns a program that is started where the disk is.
func (d *smallDisk) in(p harness.Program) harness.Program {
	if d.enter == nil {
		return p
	}
	p.Args = slices.Concat(d.enter[1:], []string{p.Path}, p.Args)
	p.Path = harness.LookPath(d.t, d.enter[0])
	return p
}

// run runs a command where the disk is.
func (d *smallDisk) run(args ...string) {
	d.t.Helper()
	args = slices.Concat(d.enter, args)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		d.t.Fatalf("%q: %v: %s", args, err, out)
	}
}

// fill takes all the room that there is for a server, but for a few KiB.
func (d *smallDisk) fill(s *harness.Server) {
	d.t.Helper()
	if d.limit {
		d.limitFiles(s, strconv.FormatInt(d.largest()+4096, 10))
		return
	}
	f, err := os.Create(d.filler)
	if err != nil {
		d.t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.t.Fatalf("fill the disk: %v", err)
	}
	if err := f.Close(); err != nil {
		d.t.Fatal(err)
	}
}

// free makes room again.
func (d *smallDisk) free(s *harness.Server) {
	d.t.Helper()
	if d.limit {
		d.limitFiles(s, "unlimited")
		return
	}
	if err := os.Remove(d.filler); err != nil {
		d.t.Fatal(err)
	}
}

// limitFiles sets the limit of a server that runs. Its children have the same.
func (d *smallDisk) limitFiles(s *harness.Server, bytes string) {
	d.t.Helper()
	if out, err := exec.Command("prlimit", "--pid", strconv.Itoa(s.Pid), "--fsize="+bytes+":unlimited").CombinedOutput(); err != nil {
		d.t.Fatalf("prlimit: %v: %s", err, out)
	}
}

// largest is the size of the largest file in the folder.
func (d *smallDisk) largest() (bytes int64) {
	d.t.Helper()
	err := filepath.WalkDir(d.seen, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			bytes = max(bytes, info.Size())
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return bytes
}

// readOnly returns a disk of which a folder, "" for all of it, can be protected from writing, and what
// the system then says: as a read-only mount; where there is none to be had, by the folder's rights,
// which hold for all but root, or as an immutable folder, which takes root.
func readOnly(t *testing.T, name string) (d *smallDisk, protect func(on bool), says string) {
	t.Helper()
	d, err := mountedDisk(t)
	if err == nil {
		folder := filepath.Join(d.dir, name)
		return d, func(on bool) {
			switch {
			case name == "" && on:
				d.run("mount", "-o", "remount,bind,ro", folder)
			case name == "":
				d.run("mount", "-o", "remount,bind,rw", folder)
			case on: // a disk with files that are open for writing cannot be remounted
				d.run("mount", "--bind", folder, folder)
				d.run("mount", "-o", "remount,bind,ro", folder)
			default:
				d.run("umount", folder)
			}
		}, "Read-only file system"
	}
	t.Logf("no mount is to be had here: %v", err)
	dir := t.TempDir()
	folder := filepath.Join(dir, name)
	d = &smallDisk{t: t, dir: dir, seen: dir}
	if os.Geteuid() == 0 {
		return d, func(on bool) {
			flag := "-i"
			if on {
				flag = "+i"
			}
			d.run("chattr", flag, folder)
		}, "Operation not permitted"
	}
	return d, func(on bool) {
		mode := os.FileMode(0o755)
		if on {
			mode = 0o555
		}
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
	}, "Permission denied"
}
