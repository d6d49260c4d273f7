// Access: passwords, users, and who may use the dangerous commands.

package config

var accessRows = group("Access",
	text("requirepass", "", Live, func(c *Config) *string { return &c.RequirePass },
		"Password of the default user; empty asks for none.").secret().omittedEmpty(),
	text("aclfile", "", AtStart, func(c *Config) *string { return &c.ACLFile },
		"File the users are kept in.").needs("access control lists"),
	enum("acl-pubsub-default", "resetchannels", Live, pubsubDefaultWords, func(c *Config) *PubsubDefault { return &c.ACLPubsubDefault },
		"Right to channels that a new user starts with.").later("access control lists"),
	integer("acllog-max-len", "128", Live, 0, maxInt64, func(c *Config) *int64 { return &c.ACLLogMaxLen },
		"How many entries ACL LOG keeps.").later("access control lists"),
	enum("enable-protected-configs", "no", AtStart, accessWords, func(c *Config) *Access { return &c.EnableProtectedConfigs },
		"Who may change protected directives by CONFIG SET; local is clients of this machine."),
	enum("enable-debug-command", "no", AtStart, accessWords, func(c *Config) *Access { return &c.EnableDebugCommand },
		"Who may use DEBUG."),
	enum("enable-module-command", "no", AtStart, accessWords, func(c *Config) *Access { return &c.EnableModuleCommand },
		"Who may use MODULE.").later("modules"),
)
