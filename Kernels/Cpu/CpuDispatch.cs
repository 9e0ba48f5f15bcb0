namespace Lean.Kernels;

/// <summary>From a kernel's number to its body.</summary>
internal static unsafe class CpuDispatch<V> where V : struct, IVec<V>
{
    public static void Run(CpuKernel kernel, void* arguments, int begin, int end)
    {
        switch (kernel)
        {
            case CpuKernel.Embedding:
                EmbeddingBody<V>.Run((EmbeddingArguments*)arguments, begin, end);
                break;
            case CpuKernel.GatherRows:
                GatherRowsBody.Run((GatherRowsArguments*)arguments, begin, end);
                break;
            case CpuKernel.AddRmsNorm:
                AddRmsNormBody<V>.Run((AddRmsNormArguments*)arguments, begin, end);
                break;
            case CpuKernel.GatedRmsNorm:
                GatedRmsNormBody.Run((GatedRmsNormArguments*)arguments, begin, end);
                break;
            case CpuKernel.Linear:
                LinearBody<V>.Run((LinearArguments*)arguments, begin, end);
                break;
            case CpuKernel.RotaryTable:
                RotaryTableBody.Run((RotaryTableArguments*)arguments, begin, end);
                break;
            case CpuKernel.PrepareAttention:
                PrepareAttentionBody<V>.Run((PrepareAttentionArguments*)arguments, begin, end);
                break;
            case CpuKernel.PagedAttention:
                PagedAttentionBody<V>.Run((PagedAttentionArguments*)arguments, begin, end);
                break;
            case CpuKernel.CausalConvolution:
                CausalConvolutionBody.Run((CausalConvolutionArguments*)arguments, begin, end);
                break;
            case CpuKernel.ChunkedDeltaRule:
                ChunkedDeltaRuleBody<V>.Run((DeltaRuleArguments*)arguments, begin, end);
                break;
            case CpuKernel.RecurrentDeltaRule:
                RecurrentDeltaRuleBody<V>.Run((DeltaRuleArguments*)arguments, begin, end);
                break;
            case CpuKernel.GeneratedDeltaNet:
                GeneratedDeltaNetBody<V>.Run((GeneratedDeltaNetArguments*)arguments, begin, end);
                break;
            case CpuKernel.ExpertRouter:
                ExpertRouterBody<V>.Run((ExpertRouterArguments*)arguments, begin, end);
                break;
            case CpuKernel.ExpertsGateUp:
                GroupedExpertsBody<V>.GateUp((GroupedExpertsArguments*)arguments, begin, end);
                break;
            case CpuKernel.ExpertsDown:
                GroupedExpertsBody<V>.Down((GroupedExpertsArguments*)arguments, begin, end);
                break;
            case CpuKernel.SiluMultiply:
                SiluMultiplyBody<V>.Run((SiluMultiplyArguments*)arguments, begin, end);
                break;
            case CpuKernel.GreedyPick:
                GreedyPickBody<V>.Run((GreedyPickArguments*)arguments, begin, end);
                break;
            case CpuKernel.AdjustLogits:
                AdjustLogitsBody.Run((AdjustLogitsArguments*)arguments, begin, end);
                break;
            case CpuKernel.MaskLogits:
                MaskLogitsBody.Run((MaskLogitsArguments*)arguments, begin, end);
                break;
            case CpuKernel.SampleTokens:
                SampleTokensBody<V>.Run((SampleTokensArguments*)arguments, begin, end);
                break;
            case CpuKernel.LogProbabilities:
                LogProbabilitiesBody.Run((LogProbabilitiesArguments*)arguments, begin, end);
                break;
            case CpuKernel.TopLogProbabilities:
                TopLogProbabilitiesBody<V>.Run((TopLogProbabilitiesArguments*)arguments, begin, end);
                break;
            case CpuKernel.TokenBins:
                TokenSharesBody<V>.Bins((TokenSharesArguments*)arguments, begin, end);
                break;
            case CpuKernel.TokenSums:
                TokenSharesBody<V>.Sums((TokenSharesArguments*)arguments, begin, end);
                break;
            case CpuKernel.DrawToken:
                TokenSharesBody<V>.Draw((TokenSharesArguments*)arguments, begin, end);
                break;
            case CpuKernel.Probe:
                ProbeBody<V>.Run((ProbeArguments*)arguments, begin, end);
                break;
            case CpuKernel.PartSum:
                PartSumBody<V>.Run((PartSumArguments*)arguments, begin, end);
                break;
            case CpuKernel.RoundRows:
                EightBitLinearBody<V>.RoundRows((EightBitLinearArguments*)arguments, begin, end);
                break;
            case CpuKernel.EightBitLinear:
                EightBitLinearBody<V>.Run((EightBitLinearArguments*)arguments, begin, end);
                break;
            case CpuKernel.RoundActivations:
                RoundRowsBody.Run((RoundRowsArguments*)arguments, begin, end);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "not a CPU kernel");
        }
    }
}
