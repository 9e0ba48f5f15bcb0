using ILGPU.IR;
using ILGPU.IR.Transformations;
using ILGPU.IR.Values;

namespace Lean.Kernels.Compiler;

/// <summary>
/// Refuses a kernel in which a value has no source for one of the ways that lead to it: ILGPU writes no move for such a way, and the
/// value keeps what it was. Unrolling leaves that behind where a loop at the end of a condition's body changes what is used
/// behind the condition.
/// </summary>
internal sealed class JoinCheck : UnorderedTransformation
{
    protected override bool PerformTransformation(Method.Builder builder)
    {
        foreach (BasicBlock block in builder.SourceBlocks)
        {
            foreach (BasicBlock.ValueEntry entry in block)
            {
                if (entry.Value is PhiValue phi)
                {
                    foreach (BasicBlock way in block.Predecessors)
                    {
                        if (!phi.Sources.Contains(way))
                        {
                            throw new InvalidOperationException("a value is lost on one of the ways to where it is used: let an unrolled loop at the end of a condition change a copy of it");
                        }
                    }
                }
            }
        }

        return false;
    }
}
