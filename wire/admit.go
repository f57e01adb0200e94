package wire

import "net"

// What Redis 7.2.4 sends to a connection it does not take, before it closes it.
const (
	tooManyClients = "-ERR max number of clients reached\r\n"
	protectedMode  = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for " +
		"the default user. In this mode connections are only accepted from the loopback interface. If you want to connect " +
		"from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode " +
		"sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the " +
		"same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. " +
		"Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by " +
		"editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the " +
		"server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. " +
		"4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in " +
		"order for the server to start accepting connections from the outside.\r\n"
)

// crowded is the text that a new connection is refused with because there are enough, or "".
func (f *front) crowded() string {
	if f.eng.SessionCount() >= f.maxClients {
		f.eng.Stats().ConnectionsRejected++
		return tooManyClients
	}
	return ""
}

// strange is the text that a connection is refused with because it comes from outside, or "". ip is nil for a unix socket.
func (f *front) strange(ip net.IP) string {
	e := f.eng
	if ip != nil && !ip.IsLoopback() && e.Config().Live.ProtectedMode && e.Users().Default().AnyPassword() {
		e.Stats().ConnectionsRejected++
		return protectedMode
	}
	return ""
}
