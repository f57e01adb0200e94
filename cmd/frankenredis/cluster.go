package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"frankenredis/wire"
	"frankenredis/wire/cluster"
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
	s.nodes = &nodesFile{fs: s.fs, path: path, shown: s.cfg.String("cluster-config-file")}
	if err := s.nodes.takeLock(); err != nil {
		return s.refuse("%v", err)
	}
	if err := s.judgeNodes(); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(text) == 0:
		s.cluster = cluster.New()
		s.logger.Info("No cluster configuration found, I'm " + s.cluster.Me.ID)
	case err != nil:
		return s.refuse("Loading the cluster node config from %s: %v", path, err)
	default:
		var unknown []string
		if s.cluster, unknown, err = cluster.Parse(text, time.Now()); err != nil {
			if corrupt := (*cluster.CorruptError)(nil); errors.As(err, &corrupt) {
				s.logger.Warn(fmt.Sprintf("%s, line %d: %v", path, corrupt.Number, corrupt.Why))
			}
			return s.refuse("Unrecoverable error: %v", err)
		}
		for _, name := range unknown {
			s.logger.Info("Skipping unknown cluster config variable '" + name + "'")
		}
		s.logger.Info("Node configuration loaded, I'm " + s.cluster.Me.ID)
	}
	s.bus = cluster.NewBus(s.cluster, busHost{s}, s.logger, binary.LittleEndian.Uint64([]byte(s.runID)))
	s.eng.SetCluster(s.cluster, s.bus, s.saveCluster)
	for _, name := range []string{"cluster-announce-hostname", "cluster-announce-human-nodename", "cluster-announce-port",
		"cluster-announce-bus-port", "cluster-announce-tls-port", "cluster-replica-no-failover"} {
		s.cfg.OnApply(name, func() error {
			s.announceNode()
			return s.saveCluster()
		})
	}
	announced := s.cfg.String("cluster-announce-ip")
	s.cfg.OnApply("cluster-announce-ip", func() error {
		was := announced
		if announced = s.cfg.String("cluster-announce-ip"); announced == "" && was != "" {
			s.cluster.Me.IP = "" // it is learned from the next node that asks
		}
		s.announceNode()
		return s.saveCluster()
	})
	s.announceNode()
	if err := s.saveCluster(); err != nil {
		return err
	}
	if of := s.cluster.Me.Of; of != nil && of.IP != "" {
		s.replica.host, s.replica.port = of.IP, of.ClientPort(s.cfg.Bool("tls-replication"))
		s.eng.Follow(true)
		s.sink.role.Store('S')
	}
	return nil
}

// startBus listens for other nodes. It is called once clients are listened for.
func (s *server) startBus() (err error) {
	if s.cluster == nil {
		return nil
	}
	if len(s.listening.bind) == 0 {
		return s.refuse("No bind address is configured, but it is required for the Cluster bus.")
	}
	if s.busServer, err = s.listenBus(); err != nil {
		return s.refuse("Failed listening on port %d (cluster), aborting.", s.busPort())
	}
	s.eng.Every(func() time.Duration { return cluster.TickEvery }, func() {
		if !s.eng.Loading() {
			s.bus.Tick(time.Now())
		}
		s.eng.TendCluster()
		s.busDone()
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
		me.IP = ip[:min(len(ip), cluster.AddressLen)] // what fits a message
	}
	me.Port = or("cluster-announce-port", int(s.cfg.Int("port")))
	me.BusPort = or("cluster-announce-bus-port", s.busPort())
	me.TLSPort = or("cluster-announce-tls-port", s.port(wire.TLS))
	me.Hostname = s.cfg.String("cluster-announce-hostname")
	me.Name = s.cfg.String("cluster-announce-human-nodename")
	me.Flags &^= cluster.NoFailover
	if s.cfg.Bool("cluster-replica-no-failover") {
		me.Flags |= cluster.NoFailover
	}
	s.cluster.Changed = true
}

// claimSlots makes slots that hold keys this node's, where nobody's; where another's, they are being imported. It is called when
// the data set is loaded.
func (s *server) claimSlots() {
	if s.cluster == nil || s.cluster.Me.IsReplica() {
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
