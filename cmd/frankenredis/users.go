package main

import (
	"errors"

	"frankenredis/wire/config"
	"frankenredis/wire/session"
)

// defineUsers makes the users that the configuration or the ACL file names. An error was logged.
func (s *server) defineUsers() error {
	file, directives := s.cfg.String("aclfile"), s.cfg.Users()
	if file != "" && len(directives) > 0 {
		return s.refuse("Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is " +
			"invalid. This setup is very likely to lead to configuration errors and security holes, please define either an " +
			"ACL file or declare users directly in your redis.conf, but not both.")
	}
	for _, d := range directives {
		u, err := s.eng.Users().Define(d.Words)
		if err != nil {
			s.logger.Warn(err.Error())
			return s.refuse("Critical error while loading ACLs. Exiting.")
		}
		if !u.Enabled() {
			s.logger.Info("The user '" + u.Name + "' is disabled (there is no 'on' modifier in the user description). Make " +
				"sure this is not a configuration error.")
		}
	}
	if file == "" {
		return nil
	}
	if err := s.readUsers(nil); err != nil {
		return s.refuse("Aborting Redis startup because of ACL errors: %v", err)
	}
	return nil
}

// readUsers replaces all users by those of the ACL file, for the client by. After an error nothing has changed.
func (s *server) readUsers(by *session.Session) error {
	name := s.cfg.String("aclfile")
	text, err := config.ReadText(s.fs, s.cfg.Path("aclfile"))
	if err != nil {
		return errors.New("Error loading ACLs, opening file '" + name + "': " + config.ErrnoText(err))
	}
	next, err := s.eng.Users().ParseFile(name, text)
	if err != nil {
		return err
	}
	s.eng.ReplaceUsers(by, next)
	return nil
}

// writeUsers replaces the ACL file. An error was logged.
func (s *server) writeUsers() error {
	text := ""
	for _, line := range s.eng.Users().Lines() {
		text += "user " + line + "\n"
	}
	if err := config.ReplaceText(s.fs, s.cfg.Path("aclfile"), text); err != nil {
		return s.refuse("Writing the ACL file: %v", err)
	}
	s.covers.wrote(s.cfg.Path("aclfile"))
	return nil
}

// userLines is what CONFIG REWRITE writes about users; nothing when they live in a file of their own.
func (s *server) userLines() []string {
	if s.cfg.String("aclfile") != "" {
		return nil
	}
	return s.eng.Users().Lines()
}
