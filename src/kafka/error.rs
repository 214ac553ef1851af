//! What the client says, in the words of the house. Uses `error`. Not hot.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::properties::unknown;
use crate::error::{Error, Kind};

/// An error of the client; `what` says what failed, with the address.
pub fn failed(what: impl fmt::Display, error: KafkaError) -> Error {
    if matches!(error, KafkaError::ClientConfig(..) | KafkaError::Nul(_)) {
        return unknown(&error).at(what);
    }
    let Some(code) = error.rdkafka_error_code() else {
        // Texts of the creation of a client name properties, and no values but those of paths.
        return Error::usage(format!("{what}: {error}"));
    };
    of_code(what, code)
}

/// An error code of the client or of a broker.
pub fn of_code(what: impl fmt::Display, code: Code) -> Error {
    let error = Error::new(kind(code), format!("{what}: {}", text(code)));
    match advice(code) {
        Some(advice) => error.advise(advice),
        None => error,
    }
}

/// Whether waiting may help: brokers that are gone or busy, leaders that move.
pub fn passes(code: Code) -> bool {
    kind(code) == Kind::Unreachable
}

/// Whether it says no more than that leaders are being chosen or a connection was lost, as after a
/// topic was made or a broker went away: the same question has an answer in a moment. A question to a
/// leader that died a moment ago waits for it until its own time is over.
fn moves(code: Code) -> bool {
    matches!(
        code,
        Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::OffsetNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::NotCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::BrokerTransportFailure
            | Code::DestroyBroker
            | Code::OperationTimedOut
    )
}

/// Asks until leaders are there, for `patience` at most, beyond which it may go on by one try. The
/// question is told how long it may wait: a fifth, so that another leader can be asked.
pub fn patiently<T>(
    patience: Duration,
    mut question: impl FnMut(Duration) -> Result<T, KafkaError>,
) -> Result<T, KafkaError> {
    let begun = Instant::now();
    loop {
        match question(patience / 5) {
            Err(error)
                if error.rdkafka_error_code().is_some_and(moves) && begun.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(200));
            }
            answer => return answer,
        }
    }
}

fn kind(code: Code) -> Kind {
    match code {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::SSL
        | Code::UnsupportedSASLMechanism
        | Code::MessageSizeTooLarge
        | Code::InvalidMessageSize
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::PolicyViolation
        | Code::InvalidReplicationFactor
        | Code::InvalidPartitions
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::ProducerFenced
        | Code::Fenced
        | Code::InvalidProducerEpoch
        | Code::FencedInstanceId => Kind::Refused,
        Code::InvalidTopic | Code::InvalidArgument => Kind::Usage,
        Code::BadMessage | Code::InvalidMessage | Code::BadCompression => Kind::Data,
        _ => Kind::Unreachable,
    }
}

/// The library's own words are good; a few say little of the cause.
fn text(code: Code) -> String {
    match code {
        Code::AllBrokersDown | Code::BrokerTransportFailure => "no broker can be reached".into(),
        Code::OperationTimedOut | Code::MessageTimedOut => "no broker has answered in time".into(),
        Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch => {
            "another process has begun with the same transactional id".into()
        }
        _ => code.to_string(),
    }
}

fn advice(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::Resolve
        | Code::OperationTimedOut => {
            "see that the brokers run, that the names they advertise lead to them from here, and that \
             security.protocol is theirs"
        }
        Code::SSL => {
            "see to ssl.ca.location, the file of the authority that signed the brokers' certificates, and \
             to security.protocol"
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => "ask for an ACL on the broker",
        Code::SaslAuthenticationFailed | Code::Authentication => {
            "see to sasl.username, sasl.mechanisms and the password"
        }
        Code::MessageSizeTooLarge => "raise max.message.bytes of the topic; a row is never divided",
        Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch => {
            "give each process a transactional id of its own"
        }
        Code::UnknownTopic | Code::UnknownTopicOrPartition => {
            "create the topic, or let it be created by --partitions N"
        }
        Code::UnsupportedVersion | Code::UnsupportedFeature => {
            "brokers since 0.11 can do it; see the client's broker.version.fallback and the broker's version"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_say_whether_waiting_helps() {
        for (code, kind) in [
            (Code::BrokerTransportFailure, Kind::Unreachable),
            (Code::NotLeaderForPartition, Kind::Unreachable),
            (Code::NotEnoughReplicas, Kind::Unreachable),
            (Code::TopicAuthorizationFailed, Kind::Refused),
            (Code::Fenced, Kind::Refused),
            (Code::MessageSizeTooLarge, Kind::Refused),
        ] {
            let error = of_code("kafka://b/t", code);
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!(passes(code), kind == Kind::Unreachable);
        }
    }

    #[test]
    fn a_leader_that_died_is_asked_again() {
        let mut codes =
            vec![Code::OperationTimedOut, Code::NotLeaderForPartition, Code::OperationTimedOut];
        let patience = Duration::from_secs(60);
        let answer = patiently(patience, |time| {
            assert!(time < patience / 2);
            codes.pop().map_or(Ok(7), |code| Err(KafkaError::MetadataFetch(code)))
        });
        assert_eq!(answer, Ok(7));
        let fails = |_| Err::<(), _>(KafkaError::MetadataFetch(Code::OperationTimedOut));
        assert!(patiently(Duration::ZERO, fails).is_err());
        let refused = KafkaError::MetadataFetch(Code::TopicAuthorizationFailed);
        assert!(patiently(patience, |_| Err::<(), _>(refused.clone())).is_err());
    }
}
