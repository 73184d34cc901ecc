# Up to 1.36 the text on two HPAs with the same pods names all of them; since 1.37 it names two.
kubernetes 1.36
other hpa web-too selects app=web
other hpa all selects app

hpa web: 1 to 10 replicas of Deployment/web
  external metric load average value 10

pods: 3 ready
load is 90

at 0s
  -> cannot decide
  -> condition ScalingActive False AmbiguousSelector "pods by selector app=web are controlled by multiple HPAs: [default/all default/web default/web-too]"
