# To zero and back, and a target that somebody else has set to zero.
kubernetes 1.37

hpa worker: 0 to 10 replicas of Deployment/worker
  object metric backlog of Service/queue value 100
  scale down: window 0s

pods: 1 ready

at 0s
  backlog of Service/queue is 0
  -> scales 1 to 0
at 15s
  pods: none
  backlog of Service/queue is 250
  -> scales 0 to 3
at 1m
  pods: none
  somebody scales to 0
  -> stays at 0
