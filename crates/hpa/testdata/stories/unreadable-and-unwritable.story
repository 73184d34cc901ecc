# The API server does not answer. Without a scale nothing is decided, and the rest of the status stays as it was; a
# status that cannot be written is written in the next turn.
kubernetes 1.37

hpa web in shop: 1 to 10 replicas of example.com/v1 Fleet/web
  external metric load average value 10

pods: 3 ready
load is 30

at 0s
  -> stays at 3
at 15s
  scale read fails "the server was unable to return a response in the time allotted"
  -> cannot decide
  -> condition AbleToScale False FailedGetScale "the HPA controller was unable to get the target's current scale: the server was unable to return a response in the time allotted"
  -> condition ScalingActive True ValidMetricFound
  -> current replicas 3
  -> event Warning FailedGetScale "the server was unable to return a response in the time allotted"
  -> error "failed to query scale subresource for Fleet/shop/web: the server was unable to return a response in the time allotted"
at 30s
  kind lookup fails "no matches for kind \"Fleet\" in group \"example.com\""
  -> cannot decide
  -> condition AbleToScale False FailedGetScale
  -> error "unable to determine resource for scale target reference: no matches for kind \"Fleet\" in group \"example.com\""
at 45s
  load is 50
  status write fails "etcdserver: request timed out"
  -> scales 3 to 5
  -> event Normal SuccessfulRescale
  -> event Warning FailedUpdateStatus "etcdserver: request timed out"
  -> error "failed to update status for web: etcdserver: request timed out"
at 1m
  pods: 5 ready
  -> stays at 5
  -> condition AbleToScale True ReadyForNewScale
  -> current replicas 5
