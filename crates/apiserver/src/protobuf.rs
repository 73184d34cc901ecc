//! Writes Kubernetes protobuf messages field by field.
//!
//! Not generated code: `Status` and the metrics groups have a dozen messages, whose field numbers stand beside their
//! values. Source: `generated.proto` of `k8s.io/metrics` and `k8s.io/apimachinery`, v0.37.
//!
//! **Invariant:** as upstream's generated marshallers do, a plain field is written even when it is empty.

use prost::encoding::{WireType, encode_key, encode_varint};

/// A message under construction.
#[derive(Debug, Default)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// The encoded message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A string field.
    pub fn string(&mut self, number: u32, value: &str) -> &mut Self {
        self.delimited(number, value.as_bytes())
    }

    /// A field of bytes, or of a message that is encoded already.
    pub fn bytes(&mut self, number: u32, value: &[u8]) -> &mut Self {
        self.delimited(number, value)
    }

    /// An integer field.
    pub fn int64(&mut self, number: u32, value: i64) -> &mut Self {
        encode_key(number, WireType::Varint, &mut self.bytes);
        encode_varint(value.cast_unsigned(), &mut self.bytes);
        self
    }

    /// A message field.
    pub fn message(&mut self, number: u32, fill: impl FnOnce(&mut Message)) -> &mut Self {
        let mut inner = Message::default();
        fill(&mut inner);
        self.delimited(number, &inner.bytes)
    }

    /// An entry of a `map<string, string>` field.
    pub fn entry(&mut self, number: u32, key: &str, value: &str) -> &mut Self {
        self.message(number, |entry| {
            entry.string(1, key).string(2, value);
        })
    }

    /// `k8s.io.apimachinery.pkg.apis.meta.v1.Time`, whole seconds.
    pub fn time(&mut self, number: u32, unix_seconds: i64) -> &mut Self {
        self.message(number, |time| {
            time.int64(1, unix_seconds).int64(2, 0);
        })
    }

    /// `k8s.io.apimachinery.pkg.api.resource.Quantity`.
    pub fn quantity(&mut self, number: u32, printed: &str) -> &mut Self {
        self.message(number, |quantity| {
            quantity.string(1, printed);
        })
    }

    fn delimited(&mut self, number: u32, bytes: &[u8]) -> &mut Self {
        encode_key(number, WireType::LengthDelimited, &mut self.bytes);
        encode_varint(bytes.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_messages_carry_their_length() {
        let mut message = Message::default();
        message.string(1, "ab").int64(4, 300).quantity(5, "1m").entry(2, "k", "");
        assert_eq!(
            message.into_bytes(),
            [
                &[0x0a, 2, b'a', b'b'][..],
                &[0x20, 0xac, 0x02],
                &[0x2a, 4, 0x0a, 2, b'1', b'm'],
                &[0x12, 5, 0x0a, 1, b'k', 0x12, 0],
            ]
            .concat()
        );
    }
}
