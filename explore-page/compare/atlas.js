import {EmbeddingView} from 'embedding-atlas';import {points,N,colors,frame} from './common.js';
const div=document.createElement('div');div.style='width:900px;height:900px';document.body.append(div);
window.go=async()=>{const t0=performance.now();const d=points(N);const t1=performance.now();
const v=new EmbeddingView(div,{data:{x:d.x,y:d.y,category:d.c},categoryColors:colors,width:900,height:900,config:{mode:'points',autoLabelEnabled:false,colorScheme:'light'}});
await frame();await frame();const t2=performance.now();
v.update({data:{x:d.x,y:d.y,category:d.c.map(k=>9-k)}});await frame();await frame();const t3=performance.now();
v.update({rangeSelection:{xMin:.4,xMax:.9,yMin:-.25,yMax:.25}});await frame();await frame();const t5=performance.now();
return{data:t1-t0,first:t2-t1,colour:t3-t2,select:t5-t3}};
