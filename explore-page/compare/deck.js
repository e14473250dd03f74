import {Deck,OrthographicView} from '@deck.gl/core';import {ScatterplotLayer} from '@deck.gl/layers';import {points,N,colors,frame} from './common.js';
const rgb=colors.map(c=>[1,3,5].map(i=>parseInt(c.slice(i,i+2),16)));
const fill=(c,f)=>{const o=new Uint8Array(N*4);for(let i=0;i<N;i++){const k=rgb[f(c[i])];o[4*i]=k[0];o[4*i+1]=k[1];o[4*i+2]=k[2];o[4*i+3]=150}return o};
const div=document.createElement('div');div.style='position:relative;width:900px;height:900px';document.body.append(div);
window.go=async()=>{const t0=performance.now();const d=points(N);const t1=performance.now();
const pos=new Float32Array(2*N);for(let i=0;i<N;i++){pos[2*i]=d.x[i];pos[2*i+1]=d.y[i]}
let done;const layer=(col,id)=>new ScatterplotLayer({id:'a',data:{length:N,attributes:{getPosition:{value:pos,size:2},getFillColor:{value:col,size:4}}},getRadius:1,radiusUnits:'pixels',pickable:false});
const p=new Promise(r=>done=r);
let k=0;const deck=new Deck({parent:div,width:900,height:900,views:new OrthographicView(),initialViewState:{target:[0,0,0],zoom:8.6},controller:true,layers:[layer(fill(d.c,v=>v))],onAfterRender:()=>{k++;done()}});
await p;await frame();const t2=performance.now();
deck.setProps({layers:[layer(fill(d.c,v=>9-v))]});await frame();await frame();const t3=performance.now();
const t4=performance.now();let n=0;const col=fill(d.c,v=>v);for(let i=0;i<N;i++){if(d.x[i]>0.4&&d.x[i]<0.9&&d.y[i]>-0.25&&d.y[i]<0.25)n++;else col[4*i+3]=20}deck.setProps({layers:[layer(col)]});await frame();await frame();const t5=performance.now();
return{data:t1-t0,first:t2-t1,colour:t3-t2,select:t5-t4,n,k}};
