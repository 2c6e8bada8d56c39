package wire

import "connectrpc.com/connect"

// Limits is how an agent hears a controller: messages of up to so many bytes, and
// none of them packed. What is packed would be unpacked to its end before it is
// refused for its length.
func Limits(most int) []connect.ClientOption {
	return []connect.ClientOption{
		connect.WithReadMaxBytes(most), connect.WithCodec(Codec{}), connect.WithAcceptCompression("gzip", nil, nil),
	}
}
