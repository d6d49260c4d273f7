// Events, client-side caching and scripts.

package config

var scriptRows = group("Events and scripts",
	notifyClasses("notify-keyspace-events", "", func(c *Config) *NotifyFlags { return &c.NotifyKeyspaceEvents },
		"Which events are published: K and E choose the channels, the other letters the kinds of change; A is all kinds but m and n.").later("publish and subscribe"),
	integer("tracking-table-max-keys", "1000000", Live, 0, maxInt64, func(c *Config) *int64 { return &c.TrackingTableMaxKeys },
		"How many keys clients together may have tracked; 0 no limit.").later("client tracking"),
	millis("busy-reply-threshold", "5000", Live, 0, maxInt64, func(c *Config) *int64 { return &c.BusyReplyThreshold },
		"Milliseconds after which a running script lets other clients be answered with an error.").also("lua-time-limit").later("scripts"),
	boolean("lua-enable-deprecated-api", "no", AtStart, func(c *Config) *bool { return &c.LuaEnableDeprecatedAPI },
		"Let scripts use what Redis has withdrawn from them.").hidden().later("scripts"),
	enum("propagation-error-behavior", "ignore", Live, propagationErrorWords, func(c *Config) *PropagationError { return &c.PropagationErrorBehavior },
		"What happens when a command that a primary or the log hands on fails.").later("replication"),
)
