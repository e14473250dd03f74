export function points(n){let s=1;const r=()=>{s=(s*1664525+1013904223)>>>0;return s/4294967296};const x=new Float32Array(n),y=new Float32Array(n),c=new Uint8Array(n);
for(let i=0;i<n;i++){const k=(r()*10)|0;const a=k*0.628;const g=Math.sqrt(-2*Math.log(r()+1e-9)),t=6.2832*r();x[i]=0.6*Math.cos(a)+0.12*g*Math.cos(t);y[i]=0.6*Math.sin(a)+0.12*g*Math.sin(t);c[i]=k}return{x,y,c}}
export const N=1000000;export const colors=["#3f90da","#ffa90e","#bd1f01","#832db6","#717581","#94a4a2","#a96b59","#e76300","#b9ac70","#92dadd"];
export const frame=()=>new Promise(r=>requestAnimationFrame(()=>requestAnimationFrame(r)));
export const square=[[0.4,-0.25],[0.9,-0.25],[0.9,0.25],[0.4,0.25]];
