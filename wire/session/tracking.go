package session

// Tracking is what a client asked for with CLIENT TRACKING: to be told when keys change that it may have cached.
type Tracking struct {
	On       bool
	Redirect int64 // the id of the client that is told instead; 0: this one
	Broken   bool  // that client has gone
	Bcast    bool  // told of every key with one of the prefixes, read or not
	OptIn    bool  // only of keys read right behind CLIENT CACHING YES
	OptOut   bool  // not of keys read right behind CLIENT CACHING NO
	Caching  bool  // the command before was CLIENT CACHING
	NoLoop   bool  // not of the client's own changes
	Prefixes []string
}
