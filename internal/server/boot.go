// Boot: from arguments to a server that serves, in the order and with the words that programs which
// start a redis-server wait for.

package server

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/host"
	"tarn/internal/persist"
	"tarn/internal/vfs"
)

// Run reads the arguments that follow the program's name, boots, and serves. It returns the exit
// code of a server that could not start; one that started ends the process itself.
func Run(args []string) int {
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var piped bytes.Buffer // what standard input says, for the server in the background
	table := command.NewTable()
	store, startup, err := config.Load(args, config.Env{
		Files: vfs.OS{}, Stdin: io.TeeReader(os.Stdin, &piped), Dir: dir, Product: "Redis " + RedisVersion,
		Command: func(name string) bool { return table.Lookup([]byte(name)) != nil },
	})
	if err != nil {
		return refuse(err)
	}
	if err := enter(store.Current()); err != nil {
		return refuse(err)
	}
	s, err := New(store, vfs.OS{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, r := range startup.Renames {
		if err := s.table.Rename(r.From, r.To); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	s.configFile = startup.File
	s.log.role = 'C'
	s.supervise()
	if s.cfg().Daemonize && s.supervisor == "" && !inBackground() {
		return daemonize(dir, piped.Bytes())
	}
	return s.serve(args, startup)
}

// enter changes to the working folder and looks whether the log, whose path may start there, can be
// written. Errors: *config.FileError.
func enter(c *config.Config) error {
	fail := func(text string, err error) error {
		return &config.FileError{Product: "Redis " + RedisVersion, Reason: fmt.Sprintf(text, systemText(err))}
	}
	if err := os.Chdir(c.Dir); err != nil {
		return fail("Can't chdir to '"+c.Dir+"': %s", err)
	}
	if c.LogFile == "" {
		return nil
	}
	log, err := vfs.OS{}.OpenFile(c.LogFile, vfs.Append|vfs.New|vfs.WriteOnly, 0o644)
	if err != nil {
		return fail("Can't open the log file: %s", err)
	}
	return log.Close()
}

// refuse says why the server does not start.
func refuse(err error) int {
	if _, ok := err.(*config.OpenError); ok {
		log := newLog(vfs.OS{}, clock.System{}.Now)
		log.role = 'C'
		log.Warning("%s", err)
	} else {
		fmt.Fprint(os.Stderr, err.Error())
	}
	return 1
}

// serve boots and runs the server until the process ends.
func (s *Server) serve(args []string, startup *config.Startup) int {
	s.greet(args, startup)
	s.log.role = 'M'
	cfg := s.cfg()
	tuneRuntime(cfg)
	s.setTitle(cfg)
	if err := s.setOOMScore(cfg); err != nil {
		s.log.Warning("%s", err)
	}
	if cfg.DisableTHP {
		s.refuseHugePages()
	}
	if !s.raiseFileLimit() {
		return 1
	}
	s.watchSignals()
	s.log.Notice("monotonic clock: %s", monotonic)
	listeners, err := s.open()
	if err != nil {
		return 1
	}
	s.banner()
	s.writePidFile()
	s.warnings()
	s.log.Notice("Server initialized")
	s.registerInfo()
	s.startupMemory = s.usedMemory()
	if err := s.start(listeners); err != nil {
		s.log.Warning("%s", err)
		return 1
	}
	s.persist.CleanTemp()
	if err := s.persist.Recover(); err != nil {
		if err == persist.ErrLoadLog {
			os.Exit(1) // what is wrong has been logged, and what was logged last is what programs look for
		}
		s.log.Warning("%s", err)
		s.log.Warning("Terminating server after rdb file reading failure.")
		s.removeFiles()
		os.Exit(1)
	}
	s.dispatcher.SetLoading(false)
	s.ready()
	select {}
}

// greet opens the log.
func (s *Server) greet(args []string, startup *config.Startup) {
	cfg := s.cfg()
	sys, err := openSystemLog(cfg)
	if err != nil {
		s.log.Warning("The log does not go to syslog: %s", systemText(err))
	}
	s.log.attach(sys)
	if err := lastWordsTo(cfg.LogFile); err != nil {
		s.log.Warning("Reports of our own faults do not go to the log: %s", systemText(err))
	}
	if startup.Stdin {
		s.log.Notice("Reading config from stdin")
	}
	s.log.Notice("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo")
	s.log.Notice("Redis version=%s, bits=%d, commit=00000000, modified=0, pid=%d, just started", RedisVersion, strconv.IntSize, os.Getpid())
	if len(args) == 0 {
		s.log.Warning("Warning: no config file specified, using the default config. In order to specify a config file use %s /path/to/redis.conf", os.Args[0])
		return
	}
	s.log.Notice("Configuration loaded")
}

// open opens the listeners of the settings.
func (s *Server) open() ([]*listener, error) {
	cfg := s.cfg()
	list, err := s.listen(cfg)
	if err != nil {
		s.log.Warning("Failed listening on port %d (tcp), aborting.", cfg.Port)
		return nil, err
	}
	if cfg.UnixSocket != "" {
		l, err := listenUnix(s.files, cfg.UnixSocket, uint32(cfg.UnixSocketPerm), int(cfg.TCPBacklog))
		if err != nil {
			s.log.Warning("Failed opening Unix socket: %s", bindText(err))
			closeAll(list)
			return nil, err
		}
		list = append(list, l)
	}
	if len(list) == 0 {
		s.log.Warning("Configured to not listen anywhere, exiting.")
		return nil, errNowhere
	}
	return list, nil
}

// start lets the server accept connections, which find it loading.
func (s *Server) start(listeners []*listener) error {
	s.dispatcher.SetLoading(true)
	if err := s.network.start(s, listeners); err != nil {
		return err
	}
	go s.cron()
	go s.keepTime()
	go s.sweep(s.keyspace.NewTx())
	go s.free(s.keyspace.NewTx())
	return nil
}

func (s *Server) ready() {
	cfg := s.cfg()
	if cfg.Port > 0 {
		s.log.Notice("Ready to accept connections tcp")
	}
	if cfg.UnixSocket != "" {
		s.log.Notice("Ready to accept connections unix")
	}
	s.notify("STATUS=Ready to accept connections\nREADY=1\n")
}

// banner shows the port and pid; with always-show-logo, or on a terminal, as a picture.
func (s *Server) banner() {
	cfg := s.cfg()
	s.log.Notice("Running mode=standalone, port=%d.", cfg.Port)
	terminal := cfg.LogFile == "" && isTerminal(os.Stdout)
	if !cfg.AlwaysShowLogo && !terminal {
		return
	}
	s.log.Raw(fmt.Sprintf(logo, Version, RedisVersion, strconv.IntSize, cfg.Port, os.Getpid()))
}

const logo = `
        .  ~        Tarn %s, as Redis %s (%d bit)
     ~ ~~~~~ ~
   ~~~~~~~~~~~~     Running in standalone mode
  ~~~~~~~~~~~~~~    Port: %d
   ~~~~~~~~~~~~     PID: %d
     ~~~~~~~~

`

// monotonic is what durations are measured with.
const monotonic = "Go's, by clock_gettime"

// warnings says once what of the settings has no effect.
func (s *Server) warnings() {
	cfg := s.cfg()
	if most := host.ReadMachine(s.files).BacklogMax; cfg.Port > 0 && most != host.Unknown && int64(most) < cfg.TCPBacklog {
		s.log.Warning("WARNING: The TCP backlog setting of %d cannot be enforced because /proc/sys/net/core/somaxconn is set to the lower value of %d.", cfg.TCPBacklog, most)
	}
	for _, n := range s.store.Ineffective() {
		s.log.Warning("WARNING: the directive %s has no effect: %s", n.Name, n.Why)
	}
}

// raiseFileLimit makes room for maxclients, or lowers maxclients. It reports false when the system
// does not leave room for a single client.
func (s *Server) raiseFileLimit() bool {
	cfg := s.cfg()
	own, most := ownFiles(cfg), s.reach(cfg)
	if most <= 0 {
		s.log.Warning("Your current 'ulimit -n' of %d is not enough for the server to start. Please increase your open file limit to at least %d. Exiting.", own+most, cfg.MaxClients+own)
		return false
	}
	if most < cfg.MaxClients {
		s.store.Update(func(c *config.Config) { c.MaxClients = most })
	}
	return true
}

// reach raises the limit on open files for maxclients as far as the system lets it, and returns for
// how many clients that is enough.
func (s *Server) reach(c *config.Config) int64 {
	own := ownFiles(c)
	want := uint64(c.MaxClients + own)
	var lim syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim) != nil || uint64(lim.Cur) >= want {
		return c.MaxClients
	}
	raised := lim
	raised.Cur, raised.Max = want, max(lim.Max, want)
	err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised)
	if err == nil {
		s.log.Notice("Increased maximum number of open files to %d (it was originally set to %d).", want, lim.Cur)
		return c.MaxClients
	}
	raised = syscall.Rlimit{Cur: max(lim.Cur, min(lim.Max, want)), Max: lim.Max}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) != nil {
		raised.Cur = lim.Cur
	}
	if raised.Cur >= want {
		s.log.Notice("Increased maximum number of open files to %d (it was originally set to %d).", raised.Cur, lim.Cur)
		return c.MaxClients
	}
	clients := int64(raised.Cur) - own
	s.log.Warning("You requested maxclients of %d requiring at least %d max file descriptors.", c.MaxClients, want)
	s.log.Warning("Server can't set maximum open files to %d because of OS error: %s.", want, systemText(err))
	if clients > 0 {
		s.log.Warning("Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.", raised.Cur, clients)
	}
	return clients
}

// ownFiles is how many files the server itself opens: listeners, loops, logs, saves.
func ownFiles(c *config.Config) int64 { return max(32, 24+2*c.IOThreads) }

func (s *Server) changeMaxClients(old, c *config.Config) error {
	if c.MaxClients <= old.MaxClients {
		return nil
	}
	if most := s.reach(c); most < c.MaxClients {
		return fmt.Errorf("The operating system is not able to handle the specified number of clients, try with %d", most)
	}
	return nil
}

// writePidFile writes the pid file, if one is asked for or the server is in the background.
func (s *Server) writePidFile() {
	path := s.cfg().PIDFile
	if path == "" && inBackground() {
		path = "/var/run/redis.pid"
	}
	if path == "" {
		return
	}
	if err := writeWhole(s.files, path, strconv.Itoa(os.Getpid())+"\n"); err != nil {
		s.log.Warning("Failed to write PID file: %s", systemText(err))
		return
	}
	s.pidPath = path
}

// writeWhole writes a small file in place.
func writeWhole(files vfs.FS, path, text string) error {
	f, err := files.OpenFile(path, vfs.WriteOnly|vfs.New|vfs.Empty, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// backgroundMark tells the process that daemonize starts that it is the one.
const backgroundMark = "TARN_IN_BACKGROUND"

func inBackground() bool { return os.Getenv(backgroundMark) != "" }

// daemonize starts the server again in a session of its own, from the same folder and with the
// same standard input, and leaves.
func daemonize(dir string, input []byte) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	again := exec.Command(self)
	again.Args, again.Dir = os.Args, dir
	again.Env = append(os.Environ(), backgroundMark+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := again.StdinPipe()
	if err == nil {
		err = again.Start()
	}
	if err == nil {
		_, err = stdin.Write(input)
		_ = stdin.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func newRunID() string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var errNowhere = errors.New("configured to not listen anywhere")

// tuneRuntime fits Go's runtime to a process whose data lies outside of its heap.
func tuneRuntime(c *config.Config) {
	debug.SetGCPercent(100)
	// The loops, and one each for the saver and for everything else.
	runtime.GOMAXPROCS(int(c.IOThreads) + 2)
}

func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
