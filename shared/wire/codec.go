package wire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Codec is how both sides read and write the messages of fleet.v1. A message
// within another may take two bytes, and hundreds in memory: a limit of bytes
// alone would let the other side fill it. So what is long is counted first.
type Codec struct{}

const (
	// mostParts is how many messages one message may hold, at any depth: some
	// thousand jobs with all that can be said of each, or a full batch of lines.
	mostParts = 100_000
	// uncounted is what is short enough to be read as it is.
	uncounted = 64 << 10
	// mostDepth is more than the messages of fleet.v1 have.
	mostDepth = 10
)

// Name is what Connect knows the codec by.
func (Codec) Name() string { return "proto" }

// Marshal writes a message.
func (Codec) Marshal(m any) ([]byte, error) {
	p, err := message(m)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(p)
}

// Unmarshal reads a message, unless it has too many parts.
func (Codec) Unmarshal(data []byte, m any) error {
	p, err := message(m)
	if err != nil {
		return err
	}
	if len(data) > uncounted {
		n := 0
		if err := count(data, p.ProtoReflect().Descriptor(), &n, mostDepth); err != nil {
			return err
		}
	}
	return proto.Unmarshal(data, p)
}

func message(m any) (proto.Message, error) {
	p, ok := m.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", m)
	}
	return p, nil
}

// count adds the messages within a message to n. What does not read is left to
// who reads it.
func count(data []byte, of protoreflect.MessageDescriptor, n *int, depth int) error {
	for len(data) > 0 {
		number, kind, tag := protowire.ConsumeTag(data)
		if tag < 0 {
			return nil
		}
		data = data[tag:]
		size := protowire.ConsumeFieldValue(number, kind, data)
		if size < 0 {
			return nil
		}
		value := data[:size]
		data = data[size:]
		field := of.Fields().ByNumber(number)
		if field == nil || field.Message() == nil || kind != protowire.BytesType {
			continue
		}
		if *n++; *n > mostParts {
			return fmt.Errorf("the message has more than %d parts", mostParts)
		}
		if depth == 0 {
			continue
		}
		inner, _ := protowire.ConsumeBytes(value)
		if err := count(inner, field.Message(), n, depth-1); err != nil {
			return err
		}
	}
	return nil
}
