//! What a subscription asks for beside its filter.

use crate::codec::SubscriptionIdentifier;
use crate::packet::Subscription;
use crate::qos::QoS;

/// QoS, flags and subscription identifier in four bytes: a publish reads one of these for each subscription
/// that matches, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options(u32);

/// The identifier, or in a match with `FLAG` where the list of them is.
const NUMBER: u32 = (1 << 28) - 1;
/// No Local of a subscription; of a match, that it has a list of identifiers.
const FLAG: u32 = 1 << 28;
const RETAIN_AS_PUBLISHED: u32 = 1 << 29;
const QOS_SHIFT: u32 = 30;
const QOS: u32 = 0b11 << QOS_SHIFT;

/// The last place of a list.
pub(super) const LAST_PLACE: u32 = NUMBER;

const _: () = assert!(SubscriptionIdentifier::MAX == NUMBER);

impl Options {
    pub(super) fn new(
        subscription: &Subscription<'_>,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Options {
        let no_local = if subscription.no_local { FLAG } else { 0 };
        let retain = if subscription.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 };
        let number = identifier.map_or(0, SubscriptionIdentifier::get);
        Options(u32::from(u8::from(subscription.qos)) << QOS_SHIFT | retain | no_local | number)
    }

    #[inline]
    pub(super) fn qos(self) -> QoS {
        match self.0 >> QOS_SHIFT {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        }
    }

    #[inline]
    pub(super) fn retain_as_published(self) -> bool {
        self.0 & RETAIN_AS_PUBLISHED != 0
    }

    #[inline]
    pub(super) fn no_local(self) -> bool {
        self.0 & FLAG != 0
    }

    #[inline]
    pub(super) fn without_no_local(self) -> Options {
        Options(self.0 & !FLAG)
    }

    /// The subscription identifier; 0 where there is none.
    #[inline]
    pub(super) fn identifier(self) -> u32 {
        self.0 & NUMBER
    }

    pub(super) fn with_identifier(self, identifier: u32) -> Options {
        Options(self.0 & !(FLAG | NUMBER) | identifier & NUMBER)
    }

    /// Of a match: where its identifiers are, if there is more than one.
    #[inline]
    pub(super) fn list(self) -> Option<u32> {
        (self.0 & FLAG != 0).then_some(self.0 & NUMBER)
    }

    pub(super) fn with_list(self, place: u32) -> Options {
        Options(self.0 & !NUMBER | FLAG | place & NUMBER)
    }

    /// Whether there is nothing but a QoS, as before 5.0.
    #[inline]
    pub(super) fn is_plain(self) -> bool {
        self.0 & !QOS == 0
    }

    /// Whether the QoS is lower than that of plain ones.
    #[inline]
    pub(super) fn is_below(self, plain: Options) -> bool {
        self.0 < plain.0 // the QoS is in the highest bits
    }

    /// With the higher QoS of both.
    #[inline]
    pub(super) fn raised(self, other: Options) -> Options {
        Options(self.0 & !QOS | (self.0 & QOS).max(other.0 & QOS))
    }

    pub(super) fn with_retain_as_published(self) -> Options {
        Options(self.0 | RETAIN_AS_PUBLISHED)
    }
}
