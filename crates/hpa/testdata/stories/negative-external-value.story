# A negative value of an external metric with an average target is taken for an overflow, since 1.34: it asks for as
# many pods as there can be, and only the limits stand between it and the maximum.
kubernetes 1.37

hpa worker: 1 to 20 replicas of Deployment/worker
  external metric jobs average value 5

pods: 2 ready

at 0s
  jobs is 3, -4
  -> jobs proposes 2147483647
  -> scales 2 to 4: "external metric jobs(nil) above target"
  -> condition ScalingLimited True ScaleUpLimit
  -> targets "9223372036854775807m/5 (avg)"
