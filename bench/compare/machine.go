// The machine: what it is, and how much of it others took during the run.

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// noise is the state of the machine's CPU time at the start of the run.
type noise struct {
	begun      time.Time
	busy, ours time.Duration
}

func startNoise() (noise, error) {
	busy, err := machineBusy()
	return noise{begun: time.Now(), busy: busy, ours: ownTime()}, err
}

// describe says what share of the machine's CPUs went to neither the servers nor the client.
func (n noise) describe() string {
	busy, err := machineBusy()
	if err != nil {
		return "CPU taken by other processes: unknown"
	}
	others := max(0, (busy-n.busy)-(ownTime()-n.ours))
	whole := time.Since(n.begun) * time.Duration(runtime.NumCPU())
	return fmt.Sprintf("Other processes took %.0f %% of the CPUs", 100*others.Seconds()/whole.Seconds())
}

// machineBusy sums what all CPUs have done besides being idle or waiting for disks.
func machineBusy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	const user, idle, iowait, steal = 1, 4, 5, 8 // guest times, after steal, are part of user
	if len(fields) <= steal {
		return 0, fmt.Errorf("/proc/stat: too few fields in %q", first)
	}
	var ticks int64
	for i := user; i <= steal; i++ {
		if i == idle || i == iowait {
			continue
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// ownTime is the CPU time of this process and of the servers that have ended, with their children.
func ownTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if syscall.Getrusage(who, &usage) == nil {
			sum += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		}
	}
	return sum
}

// describeMachine names processors, memory and kernel.
func describeMachine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	memory, _ := kilobytes("/proc/meminfo", "MemTotal:") // 0 is as good as an error here
	kernel := "unknown"
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(text))
	}
	return fmt.Sprintf("Machine: %d × %s, %.0f GiB, Linux %s.", runtime.NumCPU(), model, memory/(1<<30), kernel)
}
