# Exactly a tenth too much. From 1.33 the test is ratio <= 1 + 0.1, both ends included: 55% of a target of 50% adds
# nothing, 56% does.
kubernetes 1.33

hpa web: 1 to 10 replicas of Deployment/web
  resource cpu utilization 50%

template
  container app requests cpu 100m
pods: 4 ready

at 0s
  cpu is 45m on each pod
  -> stays at 4
  -> cpu proposes 4
at 15s
  cpu is 55m on each pod
  -> stays at 4

# The percentage is cut to a whole number before it counts.
at 30s
  cpu is 55500u on each pod
  -> cpu shows utilization 56%, average value 56m
  -> scales 4 to 5
