package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"frankenredis/wire"
	"frankenredis/wire/cluster"
	"frankenredis/wire/config"
)

// joinCluster makes the server a node of a cluster, if cluster-enabled says so: what it knew is read, or it begins alone.
func (s *server) joinCluster() error {
	if !s.cfg.Bool("cluster-enabled") {
		return nil
	}
	if s.busPort() > 65535 {
		return s.refuse("Redis port number too high for cluster mode. Cluster communication port is 10,000 port numbers higher than " +
			"your Redis port. Your Redis port number must be 55535 or less.")
	}
	path := s.cfg.Path("cluster-config-file")
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(text) == 0:
		s.cluster = cluster.New()
		s.logger.Info("No cluster configuration found, I'm " + s.cluster.Me.ID)
	case err != nil:
		return s.refuse("Loading the cluster node config from %s: %v", path, err)
	default:
		if s.cluster, err = cluster.Parse(text, time.Now()); err != nil {
			return s.refuse("Unrecoverable error: %v in %q.", err, path)
		}
		if s.cluster.Me.IsReplica() {
			return s.refuse("The node is a replica in %q: this server does not speak the cluster bus, by which it would hear of its primary.", path)
		}
		s.logger.Info("Node configuration loaded, I'm " + s.cluster.Me.ID)
	}
	s.eng.SetCluster(s.cluster, s.saveCluster)
	for _, name := range []string{"cluster-announce-ip", "cluster-announce-hostname", "cluster-announce-human-nodename", "cluster-announce-port",
		"cluster-announce-bus-port", "cluster-announce-tls-port"} {
		s.cfg.OnApply(name, func() error {
			s.announceNode()
			return s.saveCluster()
		})
	}
	s.announceNode()
	if err := s.saveCluster(); err != nil {
		return err
	}
	s.eng.Every(func() time.Duration { return 100 * time.Millisecond }, func() {
		s.eng.TendCluster()
		if s.cluster.Changed && !s.eng.Loading() {
			_ = s.saveCluster()
		}
	})
	return nil
}

// busPort is where other nodes would expect the bus.
func (s *server) busPort() int {
	if p := s.cfg.Int("cluster-port"); p != 0 {
		return int(p)
	}
	if s.cfg.Bool("tls-cluster") {
		return s.port(wire.TLS) + cluster.BusOffset
	}
	return s.port(wire.TCP) + cluster.BusOffset
}

// announceNode says in the state how this node is reached.
func (s *server) announceNode() {
	or := func(name string, other int) int {
		if p := s.cfg.Int(name); p != 0 {
			return int(p)
		}
		return other
	}
	me := s.cluster.Me
	if ip := s.cfg.String("cluster-announce-ip"); ip != "" {
		me.IP = ip
	}
	me.Port = or("cluster-announce-port", int(s.cfg.Int("port")))
	me.BusPort = or("cluster-announce-bus-port", s.busPort())
	me.TLSPort = or("cluster-announce-tls-port", s.port(wire.TLS))
	me.Hostname = s.cfg.String("cluster-announce-hostname")
	me.Name = s.cfg.String("cluster-announce-human-nodename")
	s.cluster.Changed = true
}

// saveCluster writes nodes.conf, whole or not at all. When that fails the server ends, as Redis does.
func (s *server) saveCluster() error {
	if err := config.ReplaceText(s.fs, s.cfg.Path("cluster-config-file"), string(s.cluster.AppendFile(nil))); err != nil {
		s.logger.Warn("Fatal: can't update cluster config file: " + err.Error())
		s.exit = 1
		s.eng.Stop()
		return fmt.Errorf("error saving the cluster node config: %w", err)
	}
	s.cluster.Changed = false
	return nil
}

// claimSlots makes slots that hold keys this node's, where nobody's; where another's, they are being imported. It is called when
// the data set is loaded.
func (s *server) claimSlots() {
	if s.cluster == nil {
		return
	}
	db := s.ks.DB(0)
	for slot := range uint16(cluster.Slots) {
		owner := s.cluster.Owner(slot)
		if owner == s.cluster.Me || s.cluster.Importing(slot) != nil || db.SlotLen(slot) == 0 {
			continue
		}
		if owner == nil {
			s.logger.Info(fmt.Sprintf("I have keys for unassigned slot %d. Taking responsibility for it.", slot))
			s.cluster.Assign(slot, s.cluster.Me)
		} else {
			s.logger.Info(fmt.Sprintf("I have keys for slot %d, but the slot is assigned to another node. Setting it to importing state.", slot))
			s.cluster.SetImporting(slot, owner)
		}
	}
	if s.cluster.Changed {
		_ = s.saveCluster() // a failure ends the server
	}
}
