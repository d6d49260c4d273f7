// Syslog: the system's log as a second place for every line.

package server

import (
	"log/syslog"

	"tarn/internal/config"
)

// systemLogger writes to the machine's syslog daemon, which dates the lines.
type systemLogger struct{ out *syslog.Writer }

// openSystemLog connects to the daemon, if the settings ask for it. Errors: those of the system.
func openSystemLog(c *config.Config) (systemLog, error) {
	if !c.SyslogEnabled {
		return nil, nil
	}
	facility := syslog.LOG_USER
	if c.SyslogFacility > 0 { // the first is user, the others are local0 to local7
		facility = syslog.LOG_LOCAL0 + syslog.Priority(c.SyslogFacility-1)<<3
	}
	out, err := syslog.New(facility|syslog.LOG_NOTICE, c.SyslogIdent)
	if err != nil {
		return nil, err
	}
	return systemLogger{out}, nil
}

// Log implements systemLog. What the daemon does not take is lost: there is nowhere to say so.
func (l systemLogger) Log(level config.LogLevel, text string) {
	switch level {
	case config.LogDebug:
		_ = l.out.Debug(text)
	case config.LogVerbose:
		_ = l.out.Info(text)
	case config.LogNotice:
		_ = l.out.Notice(text)
	default:
		_ = l.out.Warning(text)
	}
}
