// niche over many studies with Nextflow: one folder of results per file, and a check of every design first.
//
//   nextflow run main.nf --studies 'data/*.h5ad' --recipe recipe.toml --out results
//
// recipe: a file that `niche init data/one.h5ad --out recipe.toml` wrote and you have looked over.

params.studies = 'data/*.h5ad'
params.recipe = 'recipe.toml'
params.out = 'results'

process CHECK {
    tag "${study.baseName}"
    publishDir "${params.out}/checks", mode: 'copy'

    input:
    path study
    path recipe

    output:
    tuple path(study), path("${study.baseName}.txt")

    script:
    """
    niche check "${study}" --config "${recipe}" > "${study.baseName}.txt"
    """
}

process RUN {
    tag "${study.baseName}"
    cpus 2
    publishDir params.out, mode: 'copy'

    input:
    tuple path(study), path(checked)
    path recipe

    output:
    path "${study.baseName}"

    script:
    """
    niche run "${study}" --config "${recipe}" --out "${study.baseName}" --n-jobs ${task.cpus}
    """
}

workflow {
    recipe = file(params.recipe, checkIfExists: true)
    studies = Channel.fromPath(params.studies, checkIfExists: true)
    RUN(CHECK(studies, recipe), recipe)
}
