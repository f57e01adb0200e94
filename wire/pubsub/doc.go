// Package pubsub connects those who publish messages with those who subscribed to channels, patterns and shard channels.
//
// A Hub and all Subscriptions belong to the executor. A message is encoded once for each protocol, however many receive it,
// and handed to each receiver as bytes; nothing is allocated for a delivery but what the receivers' buffers grow by. A
// receiver must not end its subscriptions from within Push.
//
// Subscriptions are linked from both ends, so that subscribing, unsubscribing and leaving cost the same however many others
// there are. Orders that Redis leaves to its hash tables (of patterns that match the same message, of the channels that
// PUBSUB CHANNELS or an UNSUBSCRIBE without arguments names) follow from the order of subscribing here: the same input
// gives the same output.
package pubsub
